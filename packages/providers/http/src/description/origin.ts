/** Which origins a credential may be sent to (Law 3): one host by its name over TLS, or this very machine. */

/** RFC 6454 section 6.1, in its one spelling: `https://api.example.com`, or for a test an origin on this machine. */
export function isApiOrigin(text: string): boolean {
  const url = URL.parse(text);
  const isNamed =
    url?.protocol === 'https:' &&
    url.origin === text &&
    /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(url.hostname) &&
    !/^[\d.]+$/.test(url.hostname);
  return isNamed || isLoopback(text);
}

/** An http origin on this machine, where a simulator is. */
export function isLoopback(text: string): boolean {
  const url = URL.parse(text);
  return (
    url?.protocol === 'http:' &&
    url.origin === text &&
    /^(?:127\.0\.0\.1|localhost|\[::1\])$/.test(url.hostname)
  );
}
