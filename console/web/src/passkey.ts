// What a browser and the server tell each other about passkeys, which one holds as bytes and the other as base64url. Newer
// browsers do this by themselves; older phones don't.
export function bytes(text: string): ArrayBuffer {
  const raw = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(raw, (c) => c.charCodeAt(0)).buffer;
}

export function text(buffer: ArrayBuffer | null): string | undefined {
  if (!buffer) return undefined;
  const raw = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

type Descriptor = { id: string; type: "public-key"; transports?: AuthenticatorTransport[] };

export async function create(options: any): Promise<unknown> {
  const o = options.publicKey;
  const made = (await navigator.credentials.create({
    publicKey: {
      ...o,
      challenge: bytes(o.challenge),
      user: { ...o.user, id: bytes(o.user.id) },
      excludeCredentials: (o.excludeCredentials ?? []).map((c: Descriptor) => ({ ...c, id: bytes(c.id) })),
    },
  })) as PublicKeyCredential;
  const response = made.response as AuthenticatorAttestationResponse;
  return {
    ...envelope(made),
    response: {
      clientDataJSON: text(response.clientDataJSON),
      attestationObject: text(response.attestationObject),
      transports: response.getTransports?.() ?? [],
    },
  };
}

export async function get(options: any): Promise<unknown> {
  const o = options.publicKey;
  const got = (await navigator.credentials.get({ publicKey: { ...o, challenge: bytes(o.challenge), allowCredentials: [] } })) as PublicKeyCredential;
  const response = got.response as AuthenticatorAssertionResponse;
  return {
    ...envelope(got),
    response: {
      clientDataJSON: text(response.clientDataJSON),
      authenticatorData: text(response.authenticatorData),
      signature: text(response.signature),
      userHandle: text(response.userHandle),
    },
  };
}

function envelope(c: PublicKeyCredential): object {
  return { id: c.id, rawId: text(c.rawId), type: c.type, authenticatorAttachment: c.authenticatorAttachment ?? undefined, clientExtensionResults: {} };
}

// why says in words what a browser has refused.
export function why(err: unknown): string {
  if (!(err instanceof DOMException)) return err instanceof Error ? err.message : String(err);
  switch (err.name) {
    case "NotAllowedError":
      return "No passkey was used: it was cancelled, took too long, or this device has none for this address.";
    case "InvalidStateError":
      return "This device has a passkey for you already. Sign in with it.";
    case "NotSupportedError":
    case "ConstraintError":
      return "This device can't keep a passkey that checks who you are. Set up a screen lock, or use another device.";
    case "SecurityError":
      return "The browser allows no passkeys at this address.";
  }
  return `The browser refused: ${err.name}.`;
}
