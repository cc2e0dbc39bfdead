/**
 * A connection taken out of HTTP: raw bytes in both directions, each closed on its own (attach, exec start, websocket).
 * Whoever holds it must end it: `closeWrite` after the last byte, or `abort`.
 */
export interface HijackedStream {
  /** What the client sends; ends at the client's half-close. One reader. Not reading is back-pressure to the client. */
  readonly input: AsyncIterable<Uint8Array>
  /** Resolves when the bytes are accepted and there is room for more. Bytes for a client that is gone are dropped. */
  write(bytes: Uint8Array): Promise<void>
  /**
   * Resolves when the client has read what was written, or a moment later when it has not: two things that follow each other
   * closely reach it one after the other, and not as one.
   */
  taken(): Promise<void>
  /** The client sees the end after everything written. It may go on sending. */
  closeWrite(): Promise<void>
  /** Ends both directions at once, without waiting for what is not sent yet. */
  abort(): void
  /**
   * Resolves when the connection is gone: both directions ended, or the client vanished (which a socket tells only at the
   * next write: until then it looks like a half-close). Never rejects.
   */
  readonly closed: Promise<void>
}
