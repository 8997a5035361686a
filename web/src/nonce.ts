/** The nonce that this page's Content-Security-Policy lets style elements pass with; empty under `vite dev`. */
export const nonce: string = read();

function read(): string {
  const found = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
  return found === "__NONCE__" ? "" : found;
}
