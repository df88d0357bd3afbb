// What passes requests on without their WebSockets, and what makes it pass them. Each says who it is in a header.
const settings: Array<[is: RegExp, name: string, set: string]> = [
  [/nginx|openresty/i, "nginx", "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";"],
  [/apache/i, "Apache", "ProxyPass \"/\" \"http://…:8080/\" upgrade=websocket (since 2.4.47; before, mod_proxy_wstunnel)"],
  [/cloudflare/i, "Cloudflare", "Network, WebSockets: on"],
  [/varnish/i, "Varnish", "if (req.http.upgrade ~ \"(?i)websocket\") { return (pipe); }"],
];

// between names what lies between the page and the bot, by what it says of itself, and what to set there.
export function between(says: string): string {
  const known = settings.find(([is]) => is.test(says));
  if (!known) return "The proxy before Snapback does not let WebSockets through, so there are no logs and no shell. It has to pass on the headers Upgrade and Connection for /t/ws.";
  return `${known[1]} before Snapback does not let WebSockets through, so there are no logs and no shell. Set there: ${known[2]}`;
}
