/** Time and randomness arrive as ports, so that the pure packages need no mocks. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

export interface Random {
  bytes(length: number): Uint8Array;
}
