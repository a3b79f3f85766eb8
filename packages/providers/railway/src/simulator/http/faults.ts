/**
 * What can go wrong between a client and Railway. Each fault says whether the operation took effect first, since
 * that is what a client cannot see.
 */
export type Fault =
  /** Takes effect, and answers so many milliseconds later. */
  | { readonly kind: 'late'; readonly milliseconds: number }
  /** Answers with that status and a page that is no JSON. */
  | { readonly kind: 'status'; readonly status: number; readonly tookEffect: boolean }
  /** Ends the connection without an answer. */
  | { readonly kind: 'cut'; readonly tookEffect: boolean }
  /** Answers 200 with half of a JSON document. */
  | { readonly kind: 'malformed'; readonly tookEffect: boolean }
  /** Answers a GraphQL error: beside the data (`partial`), or in its place and without effect. */
  | { readonly kind: 'error'; readonly message: string; readonly partial: boolean }
  /** Takes effect, and shows the credential it was sent: in an error, a header, or the answer's extensions. */
  | { readonly kind: 'echo'; readonly where: 'error' | 'header' | 'extensions' };

export interface ArmedFault {
  readonly fault: Fault;
  /** Only requests with this root field. Absent: the next request. */
  readonly field?: string;
  /** Default 1. */
  readonly times?: number;
}

/** Faults that wait for the requests they are meant for. */
export class Faults {
  #armed: { fault: Fault; field: string | undefined; left: number }[] = [];

  arm({ fault, field, times = 1 }: ArmedFault): void {
    this.#armed.push({ fault, field, left: times });
  }

  /** The fault for a request with these root fields, used up by it. */
  take(fields: readonly string[]): Fault | undefined {
    const found = this.#armed.find(({ field }) => field === undefined || fields.includes(field));
    if (found === undefined) return undefined;
    found.left -= 1;
    if (found.left === 0) this.#armed = this.#armed.filter((each) => each !== found);
    return found.fault;
  }
}
