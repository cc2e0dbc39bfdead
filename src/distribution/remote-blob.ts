import { Failure } from "../errors/failure.ts"
import type { HttpAnswer } from "./http-client.ts"

/** A blob's bytes on their way. */
export interface RemoteBlob {
  /** Where in the blob the body begins: not always where it was asked for. */
  readonly offset: number
  /** Of the whole blob, when the registry tells. */
  readonly size: number | undefined
  /** Whether parts of it can be asked for. */
  readonly rangeable: boolean
  readonly body: AsyncIterable<Uint8Array>
  /** Closes the connection when the body is not going to be read. */
  discard(): void
  /**
   * To be called when the body broke off, or was not the blob: a mirror is not asked again then.
   * @returns whether another host can be asked at once
   */
  reject(why: unknown): boolean
}

/** Where in the blob an answer's body lies (RFC 9110, section 14.4). @throws unavailable when it does not say */
export function remoteBlob(answer: HttpAnswer, reject: RemoteBlob["reject"]): RemoteBlob {
  const { body, discard } = answer
  const length = answer.headers.get("content-length")
  const bytes = length === undefined ? undefined : Number(length)
  const rangeable = answer.status === 206 || answer.headers.get("accept-ranges") === "bytes"
  if (answer.status !== 206) return { offset: 0, size: bytes, rangeable, body, discard, reject }
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(answer.headers.get("content-range") ?? "")
  if (!range) {
    discard()
    throw new Failure("unavailable", `${answer.url.host} sent a part of a blob without saying which`)
  }
  return {
    offset: Number(range[1]),
    size: range[2] === "*" ? undefined : Number(range[2]),
    rangeable,
    body,
    discard,
    reject,
  }
}
