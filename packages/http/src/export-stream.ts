/** Answers of any length, a ledger's: read only as fast as the client reads, closed when it leaves. */

/** Characters gathered before they are handed on; a line alone may be longer. */
const CHUNK_LENGTH = 32 * 1024;

/**
 * Begins to read at once, so that what fails at the first line fails the request and not the stream.
 *
 * @param onError told once when reading fails later; the transfer is then cut, never ended cleanly
 */
export async function streamJsonLines(
  lines: AsyncIterable<unknown>,
  onError: (error: unknown) => void,
): Promise<ReadableStream<Uint8Array>> {
  return await streamed(lines, (line) => `${JSON.stringify(line)}\n`, onError);
}

/** The same for records that are text already. */
export async function streamText(
  records: AsyncIterable<string>,
  onError: (error: unknown) => void,
): Promise<ReadableStream<Uint8Array>> {
  return await streamed(records, (record) => record, onError);
}

async function streamed<T>(
  parts: AsyncIterable<T>,
  render: (part: T) => string,
  onError: (error: unknown) => void,
): Promise<ReadableStream<Uint8Array>> {
  const iterator = parts[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let next = await iterator.next();

  const close = async () => {
    await iterator.return?.();
  };
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    try {
      let chunk = '';
      while (next.done !== true && chunk.length < CHUNK_LENGTH) {
        chunk += render(next.value);
        next = await iterator.next();
      }
      if (chunk !== '') controller.enqueue(encoder.encode(chunk));
      if (next.done === true) controller.close();
    } catch (error) {
      onError(error);
      controller.error(new Error('the export was cut short'));
      await close().catch(() => undefined);
    }
  };
  // Nothing is read ahead of the client: a chunk is made when one is asked for.
  return new ReadableStream({ pull, cancel: close }, { highWaterMark: 0 });
}
