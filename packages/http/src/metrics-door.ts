/** Where the metrics come from and who may read them: the server's to say, since it knows the peers. */
export interface MetricsDoor {
  /** Whether whoever sent this request may read them. */
  admits(request: Request): boolean;
  /** Prometheus text, version 0.0.4. No secret, no policy, no name and no id in it. */
  read(): Promise<string>;
}
