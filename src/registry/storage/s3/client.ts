import { open } from "node:fs/promises"
import { setTimeout as pause } from "node:timers/promises"
import { Failure, messageOf } from "../../../errors/failure.ts"
import { Semaphore } from "../../../std/semaphore.ts"
import type { S3Settings } from "../../config.ts"
import { encoded, presigned, type SigningKeys, sha256Hex, signed } from "./sign.ts"

/** An object as a list has it. */
export interface ListedObject {
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number
}

/** Files go up in parts of this size; at most `partsAtOnce` parts of all uploads are in memory. */
const partBytes = 16 << 20
const partsAtOnce = 4
/** Milliseconds before each further attempt. */
const delays = [100, 500, 2000]

interface Ask {
  readonly method: string
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer>
  /** Statuses that are answers. */
  readonly expect: readonly number[]
}

/** The few operations of the S3 REST API that the storage needs. Each is repeated when the store fails or cannot be reached. */
export class S3Client {
  readonly #settings: S3Settings
  readonly #keys: SigningKeys
  readonly #parts = new Semaphore(partsAtOnce)

  constructor(settings: S3Settings) {
    this.#settings = settings
    const { accessKey, secretKey, sessionToken, region } = settings
    this.#keys = { accessKey, secretKey, region, service: "s3", ...(sessionToken ? { sessionToken } : {}) }
  }

  /** @returns undefined when there is no such object */
  async get(key: string): Promise<{ readonly bytes: Uint8Array; readonly modifiedAt: number } | undefined> {
    const answer = await this.#ask({ method: "GET", key, expect: [200, 404] })
    const bytes = new Uint8Array(await answer.arrayBuffer())
    if (answer.status === 404) return undefined
    return { bytes, modifiedAt: Date.parse(answer.headers.get("last-modified") ?? "") || Date.now() }
  }

  /** The bytes from `start` to before `end`, as they are taken. @throws notFound */
  async *stream(key: string, start: number, end: number): AsyncIterable<Uint8Array> {
    if (start >= end) return
    const answer = await this.#ask({
      method: "GET",
      key,
      headers: { range: `bytes=${start}-${end - 1}` },
      expect: [206, 404],
    })
    if (answer.status === 404 || !answer.body) {
      await answer.arrayBuffer()
      throw new Failure("notFound", `the object ${key} is not in the store any more`)
    }
    const reader = answer.body.getReader()
    try {
      for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value
    } finally {
      await reader.cancel().catch(() => {})
    }
  }

  /** Bytes of an object. @returns undefined when there is none */
  async size(key: string): Promise<number | undefined> {
    const answer = await this.#ask({ method: "HEAD", key, expect: [200, 404] })
    return answer.status === 200 ? Number(answer.headers.get("content-length")) : undefined
  }

  async put(key: string, bytes: Uint8Array | string): Promise<void> {
    const body = new Uint8Array(typeof bytes === "string" ? Buffer.from(bytes) : bytes)
    await this.#done(this.#ask({ method: "PUT", key, body, expect: [200] }))
  }

  /** Puts a file: in one piece when it is small, otherwise in parts that become an object together or not at all. */
  async putFile(key: string, path: string): Promise<void> {
    await using file = await open(path, "r")
    const { size } = await file.stat()
    const part = async (at: number): Promise<Uint8Array<ArrayBuffer>> => {
      const buffer = new Uint8Array(Math.min(partBytes, size - at))
      for (let done = 0; done < buffer.length; ) {
        const { bytesRead } = await file.read(buffer, done, buffer.length - done, at + done)
        if (bytesRead === 0) throw new Failure("dataLoss", `${path} became shorter while it was stored`)
        done += bytesRead
      }
      return buffer
    }
    if (size <= partBytes) {
      await this.#parts.run(async () => this.put(key, await part(0)))
      return
    }
    const begun = await this.#ask({ method: "POST", key, query: { uploads: "" }, expect: [200] })
    const uploadId = element(await begun.text(), "UploadId")
    if (!uploadId) throw new Failure("unavailable", `${this.#settings.endpoint} began no upload in parts`)
    try {
      const parts = await Promise.allSettled(
        Array.from({ length: Math.ceil(size / partBytes) }, (_, index) =>
          this.#parts.run(async () => {
            const answer = await this.#ask({
              method: "PUT",
              key,
              query: { partNumber: String(index + 1), uploadId },
              body: await part(index * partBytes),
              expect: [200],
            })
            await answer.arrayBuffer()
            return answer.headers.get("etag") ?? ""
          }),
        ),
      )
      // A part that comes after the upload was given up would stay for ever: every one is waited for.
      const tags = parts.map((each) => {
        if (each.status === "rejected") throw each.reason
        return each.value
      })
      const list = tags.map((tag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${tag}</ETag></Part>`)
      const text = `<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`
      const body = new Uint8Array(Buffer.from(text))
      const answer = await this.#ask({ method: "POST", key, query: { uploadId }, body, expect: [200] })
      const result = await answer.text()
      // This answer may fail after its status was sent.
      if (result.includes("<Error>")) throw new Failure("unavailable", `the store refused to join parts: ${result}`)
    } catch (error) {
      await this.#done(this.#ask({ method: "DELETE", key, query: { uploadId }, expect: [204, 200, 404] })).catch(
        () => {},
      )
      throw error
    }
  }

  async delete(key: string): Promise<void> {
    await this.#done(this.#ask({ method: "DELETE", key, expect: [200, 204, 404] }))
  }

  /** The objects below a prefix; with `flat` only those without a further `/`. */
  async *list(prefix: string, flat: boolean): AsyncIterable<ListedObject> {
    let token: string | undefined
    do {
      const answer = await this.#ask({
        method: "GET",
        query: {
          "list-type": "2",
          prefix: this.#key(prefix),
          ...(flat ? { delimiter: "/" } : {}),
          ...(token === undefined ? {} : { "continuation-token": token }),
        },
        expect: [200],
      })
      const text = await answer.text()
      const strip = this.#key("").length
      for (const [, contents] of text.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)) {
        const key = element(contents!, "Key") ?? ""
        const modifiedAt = Date.parse(element(contents!, "LastModified") ?? "") || Date.now()
        yield { key: key.slice(strip), size: Number(element(contents!, "Size") ?? 0), modifiedAt }
      }
      token = element(text, "IsTruncated") === "true" ? element(text, "NextContinuationToken") : undefined
    } while (token !== undefined)
  }

  /** An address for one object that needs no further credentials for `seconds`. */
  address(key: string, seconds: number): string {
    return presigned(this.#url(key, {}), this.#keys, new Date(), seconds)
  }

  #key(key: string): string {
    const { prefix } = this.#settings
    return prefix === "" ? key : `${prefix}/${key}`
  }

  #url(key: string | undefined, query: Readonly<Record<string, string>>): URL {
    const { endpoint, bucket, pathStyle } = this.#settings
    const url = new URL(endpoint)
    if (!pathStyle) url.host = `${bucket}.${url.host}`
    const segments = [...(pathStyle ? [bucket] : []), ...(key === undefined ? [] : this.#key(key).split("/"))]
    const path = `${url.pathname.replace(/\/+$/, "")}/${segments.map(encoded).join("/")}`
    const search = Object.entries(query)
      .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
      .join("&")
    return new URL(`${url.origin}${path}${search === "" ? "" : `?${search}`}`)
  }

  async #done(answer: Promise<Response>): Promise<void> {
    await (await answer).arrayBuffer()
  }

  async #ask({ method, key, query = {}, headers = {}, body, expect }: Ask): Promise<Response> {
    const url = this.#url(key, query)
    let why = ""
    for (let attempt = 0; ; attempt++) {
      try {
        const payload = sha256Hex(body ?? "")
        const answer = await fetch(url, {
          method,
          headers: signed({ method, url, headers, payload }, this.#keys, new Date()),
          redirect: "manual",
          ...(body === undefined ? {} : { body }),
        })
        if (expect.includes(answer.status)) return answer
        const text = await answer.text()
        why = `${answer.status} ${element(text, "Code") ?? ""} ${element(text, "Message") ?? ""}`.trim()
        if (answer.status < 500 && answer.status !== 429) {
          throw new Failure("internal", `the object store refused ${method} ${url.pathname}: ${why}`)
        }
      } catch (error) {
        if (error instanceof Failure) throw error
        why = messageOf(error)
      }
      const delay = delays[attempt]
      if (delay === undefined) {
        throw new Failure(
          "unavailable",
          `the object store at ${this.#settings.endpoint} does not answer ${method}: ${why}`,
        )
      }
      await pause(delay)
    }
  }
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }

/** The text of the first element called `name`. */
function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]
  return text?.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal, hex, word) =>
    decimal
      ? String.fromCodePoint(Number(decimal))
      : hex
        ? String.fromCodePoint(Number.parseInt(hex, 16))
        : (entities[word] ?? whole),
  )
}
