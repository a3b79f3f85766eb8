import { demand, Refusal } from './refusal.ts';

/**
 * `htu` of a DPoP proof: two spellings of one URL must compare equal, two URLs never (RFC 9449
 * section 4.3 check 9, RFC 3986 sections 6.2.2 and 6.2.3).
 */

/** RFC 3986 section 2: nothing here is left for a lenient parser to repair (backslash, tab, space). */
const URI = /^https?:\/\/(?:[A-Za-z0-9\-._~:/[\]!$&'()*+,;=@]|%[0-9A-Fa-f]{2})+$/i;

/** The proof's claim, normalised. It may hold neither query nor fragment. Throws Refusal. */
export function normaliseHtu(htu: string): string {
  demand(URI.test(htu), 'its htu is not a plain http(s) URL without query and fragment');
  return normalise(htu);
}

/** The request's own URL, normalised, without query and fragment. Throws Refusal. */
export function normaliseRequestUrl(url: string): string {
  return normalise(url.replace(/[?#].*$/s, ''));
}

/** Scheme and host in lower case, no default port, no dot segments, "/" for an empty path. */
function normalise(url: string): string {
  if (!URL.canParse(url)) throw new Refusal('the URL cannot be read');
  const parsed = new URL(url);
  demand(parsed.username === '' && parsed.password === '', 'the URL holds a user name');
  return `${parsed.origin}${parsed.pathname}`;
}
