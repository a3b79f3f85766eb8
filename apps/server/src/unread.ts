/**
 * Answers that nobody reads stay in memory. Whoever sends one request after another without reading, or
 * leaves an answer lying, is cut: requests of a few bytes must not buy answers of many.
 */
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';

const LIMITS = {
  /** Requests of one connection that wait for their answers; clients hardly ever send more than one ahead. */
  mostWaiting: 8,
  /** Milliseconds that an answer may lie, from when all of it was written. */
  longestUnread: 20_000,
} as const;

/** Hands on the requests of those who read what they asked for. */
export function readOrCut(
  listener: RequestListener,
  limits: { readonly mostWaiting: number; readonly longestUnread: number } = LIMITS,
): RequestListener {
  const waiting = new WeakMap<Socket, number>();
  return (incoming, outgoing) => {
    const { socket } = incoming;
    const ahead = waiting.get(socket) ?? 0;
    if (ahead >= limits.mostWaiting) {
      socket.destroy();
      return;
    }
    waiting.set(socket, ahead + 1);
    let unread: NodeJS.Timeout | undefined;
    // Nearly always the system has taken all of it by then, and there is nothing to wait for.
    outgoing.once('prefinish', () => {
      if (socket.writableLength > 0) {
        unread = setTimeout(() => socket.destroy(), limits.longestUnread);
        unread.unref();
      }
    });
    outgoing.once('close', () => {
      clearTimeout(unread);
      waiting.set(socket, (waiting.get(socket) ?? 1) - 1);
    });
    listener(incoming, outgoing);
  };
}
