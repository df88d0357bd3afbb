// Log lines may hold anything. Colours are kept as classes; every other escape sequence and control character goes.

interface Style {
  fg: number | null;
  bold: boolean;
  dim: boolean;
}

// CSI … final byte | OSC … BEL or ST | other two-byte escapes | lone control characters but the tab
const control = /\x1b\[([0-9;:?<=>]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]/g;

// Characters that turn the reading direction around can make a line lie about what it says.
const bidi = /[\u202a-\u202e\u2066-\u2069]/g;

export function plain(text: string): string {
  return text.replace(control, "").replace(bidi, "");
}

export function render(text: string, into: HTMLElement): void {
  const style: Style = { fg: null, bold: false, dim: false };
  let from = 0;
  const flush = (to: number): void => {
    if (to > from) into.append(span(text.slice(from, to).replace(bidi, ""), style));
  };
  for (const m of text.matchAll(control)) {
    flush(m.index);
    from = m.index + m[0].length;
    if (m[2] === "m") sgr(m[1] ?? "", style);
  }
  flush(text.length);
}

function span(text: string, style: Style): Node {
  const classes = [style.fg === null ? "" : `c${style.fg}`, style.bold ? "b" : "", style.dim ? "d" : ""].filter(Boolean);
  if (classes.length === 0) return document.createTextNode(text);
  const out = document.createElement("span");
  out.className = classes.join(" ");
  out.textContent = text;
  return out;
}

function sgr(params: string, style: Style): void {
  const codes = params.split(/[;:]/).map((p) => Number(p) || 0);
  for (let i = 0; i < codes.length; i++) {
    const c = codes[i] ?? 0;
    if (c === 0) Object.assign(style, { fg: null, bold: false, dim: false });
    else if (c === 1) style.bold = true;
    else if (c === 2) style.dim = true;
    else if (c === 22) Object.assign(style, { bold: false, dim: false });
    else if (c >= 30 && c <= 37) style.fg = c - 30;
    else if (c >= 90 && c <= 97) style.fg = c - 82;
    else if (c === 39) style.fg = null;
    else if (c === 38 || c === 48) i += codes[i + 1] === 5 ? 2 : 4; // a palette's or any colour: left as it is
  }
}
