import { setTimeout as pause } from "node:timers/promises"
import { Failure, kindOf, messageOf } from "../errors/failure.ts"
import type { Digest } from "../oci/digest.ts"
import type { HttpAnswer } from "./http-client.ts"
import { readText } from "./read-bytes.ts"
import { RegistryError } from "./registry-error.ts"
import type { RegistrySession } from "./registry-session.ts"
import { delayAfter, isTemporary, type RetryPolicy } from "./retry.ts"

/** What is uploaded; may be opened several times. */
export interface UploadSource {
  /** Bytes. */
  readonly size: number
  open(offset: number, length: number): AsyncIterable<Uint8Array>
}

/** The registry does not know an upload any more, or not what it has of it: nobody knows where to go on. */
class LostUpload extends Failure {
  constructor(cause: unknown) {
    super(kindOf(cause), messageOf(cause), cause)
  }
}

/** Uploads that are begun for one blob. */
const mostUploads = 3

/**
 * Brings a blob there: by a further upload when the registry has lost one.
 * @param begin begins an upload; undefined when the blob is there
 * @returns whether anything had to be sent
 */
export async function sendBlob(
  begin: () => Promise<BlobUpload | undefined>,
  source: UploadSource,
  progress: (sent: number) => void,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    const upload = await begin()
    if (!upload) return false
    try {
      await upload.send(source, progress)
      return true
    } catch (error) {
      await upload.cancel()
      if (!(error instanceof LostUpload) || attempt === mostUploads) throw error
    }
  }
}

/** Bytes of one request when a proxy on the way takes no large ones. */
const pieceSize = 16 << 20

/**
 * An upload session (OCI distribution spec, "Pushing Blobs"): all in one request when that works; after a broken connection
 * from where the registry says it has come to; in pieces when it refuses large requests.
 */
export class BlobUpload {
  readonly #session: RegistrySession
  readonly #digest: Digest
  readonly #scope: string
  readonly #retries: RetryPolicy
  readonly #signal: AbortSignal | undefined
  readonly #smallestPiece: number
  #location: URL

  constructor(parts: {
    readonly session: RegistrySession
    /** What the registry answered when the upload began. */
    readonly answer: HttpAnswer
    readonly digest: Digest
    readonly scope: string
    readonly retries: RetryPolicy
    readonly signal?: AbortSignal
  }) {
    this.#session = parts.session
    this.#digest = parts.digest
    this.#scope = parts.scope
    this.#retries = parts.retries
    this.#signal = parts.signal
    this.#smallestPiece = Number(parts.answer.headers.get("oci-chunk-min-length") ?? 0) || 0
    this.#location = locationOf(parts.answer)
  }

  /** Sends everything and has the registry verify it. @param progress told the bytes sent so far */
  async send(source: UploadSource, progress: (sent: number) => void): Promise<void> {
    let offset = 0
    let pieces = false
    for (let attempt = 1; ; ) {
      const before = offset
      try {
        while (pieces && offset < source.size) offset = await this.#piece(source, offset, progress)
        await this.#finish(source, offset, progress)
        return
      } catch (error) {
        this.#signal?.throwIfAborted()
        if (error instanceof RegistryError && error.status === 413 && !pieces) {
          pieces = true
          offset = (await this.#received()) ?? 0
          continue
        }
        if (error instanceof RegistryError && error.status === 404) throw new LostUpload(error)
        const delay = delayAfter(this.#retries, attempt, error, isOutOfStep(error) || isTemporary(error))
        if (delay === undefined) throw error
        await pause(delay, undefined, this.#signal ? { signal: this.#signal } : {})
        const received = await this.#received()
        if (received === undefined || received > source.size) throw new LostUpload(error)
        offset = received
        attempt = offset > before ? 1 : attempt + 1
      }
    }
  }

  /** Tells the registry that nothing more comes. */
  async cancel(): Promise<void> {
    await this.#request("DELETE", this.#location, [200, 202, 204]).catch(() => {})
  }

  async #piece(source: UploadSource, offset: number, progress: (sent: number) => void): Promise<number> {
    const length = Math.min(Math.max(pieceSize, this.#smallestPiece), source.size - offset)
    const answer = await this.#request("PATCH", this.#location, [202, 204], {
      headers: {
        "Content-Type": "application/octet-stream",
        "Content-Range": `${offset}-${offset + length - 1}`,
      },
      body: { length, kept: true, open: () => counted(source.open(offset, length), offset, progress) },
    })
    this.#location = locationOf(answer)
    return offset + length
  }

  /** Sends the rest. A beginning that the registry has makes the rest a piece of its own. */
  async #finish(source: UploadSource, offset: number, progress: (sent: number) => void): Promise<void> {
    const rest = source.size - offset
    if (offset > 0 && rest > 0) {
      const answer = await this.#request("PATCH", this.#location, [202, 204], {
        headers: {
          "Content-Type": "application/octet-stream",
          "Content-Range": `${offset}-${source.size - 1}`,
        },
        body: { length: rest, kept: true, open: () => counted(source.open(offset, rest), offset, progress) },
      })
      this.#location = locationOf(answer)
    }
    const url = new URL(this.#location)
    url.searchParams.set("digest", this.#digest)
    const whole = offset === 0 && source.size > 0
    await this.#request("PUT", url, [201, 204], {
      headers: whole ? { "Content-Type": "application/octet-stream" } : {},
      ...(whole
        ? { body: { length: source.size, kept: true, open: () => counted(source.open(0, source.size), 0, progress) } }
        : {}),
    })
  }

  /** How many bytes the registry has; undefined when it does not say. */
  async #received(): Promise<number | undefined> {
    try {
      const answer = await this.#request("GET", this.#location, [200, 202, 204])
      if (answer.headers.has("location")) this.#location = locationOf(answer)
      const range = /^(?:bytes=)?0-(\d+)$/.exec(answer.headers.get("range") ?? "")
      // An upload without bytes is told as 0-0, which also means one byte: beginning again is right for both.
      return range && range[1] !== "0" ? Number(range[1]) + 1 : 0
    } catch {
      return undefined
    }
  }

  async #request(
    method: string,
    to: URL,
    expect: readonly number[],
    rest: Pick<Parameters<RegistrySession["request"]>[0], "headers" | "body"> = {},
  ): Promise<HttpAnswer> {
    const answer = await this.#session.request({
      method,
      to,
      expect,
      scopes: [this.#scope],
      ...rest,
      ...(this.#signal ? { signal: this.#signal } : {}),
    })
    await readText(answer.body, 1 << 20)
    return answer
  }
}

/** Whether the registry still writes what came before a broken connection, or has written it meanwhile. */
const isOutOfStep = (error: unknown): boolean =>
  error instanceof RegistryError && (error.status === 416 || error.status === 409)

async function* counted(
  source: AsyncIterable<Uint8Array>,
  from: number,
  progress: (sent: number) => void,
): AsyncGenerator<Uint8Array> {
  let sent = from
  for await (const chunk of source) {
    yield chunk
    sent += chunk.length
    progress(sent)
  }
}

function locationOf(answer: HttpAnswer): URL {
  const location = answer.headers.get("location")
  if (!location) throw new Failure("unavailable", `${answer.url.host} began an upload without saying where it goes`)
  return new URL(location, answer.url)
}
