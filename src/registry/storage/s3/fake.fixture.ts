import { createHash, createHmac } from "node:crypto"
import { type Listener, openListeners } from "../../../std/http/listener.ts"
import type { HttpRequest } from "../../../std/http/request.ts"
import type { HttpResponse } from "../../../std/http/response.ts"
import { HttpServer } from "../../../std/http/server.ts"

interface Stored {
  readonly bytes: Buffer
  readonly modifiedAt: Date
}

export const fakeKeys = { accessKey: "AKIATEST", secretKey: "very secret/key+x" }

/**
 * An object store in memory, for tests. It does what S3 documents of the operations in use, checks every signature and the hash of
 * every body by its own reading of the rules, lists two keys at a time, and can be told to fail.
 */
export class FakeS3 implements AsyncDisposable {
  readonly objects = new Map<string, Stored>()
  /** Statuses that the next requests are answered with. */
  readonly failures: number[] = []
  /** Requests whose signature or body was wrong. */
  readonly offences: string[] = []
  readonly #uploads = new Map<string, Map<number, Buffer>>()
  readonly #server: HttpServer
  #listener!: Listener
  #nextUpload = 1

  private constructor() {
    this.#server = new HttpServer((request, response) => this.#answer(request, response))
  }

  static async start(): Promise<FakeS3> {
    const fake = new FakeS3()
    const [listener] = await openListeners({ kind: "tcp", host: "127.0.0.1", port: 0 }, { accept: fake.#server.accept })
    fake.#listener = listener!
    return fake
  }

  get endpoint(): string {
    return this.#listener.address.replace("tcp:", "http:")
  }

  /** Uploads in parts that were neither finished nor given up. */
  get unfinished(): number {
    return this.#uploads.size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener[Symbol.asyncDispose]()
    await this.#server.close()
  }

  async #answer(request: HttpRequest, response: HttpResponse): Promise<void> {
    const parts: Uint8Array[] = []
    for await (const part of request.body) parts.push(part)
    const body = Buffer.concat(parts)
    const error = (status: number, code: string) =>
      response.send(status, { "Content-Type": "application/xml" }, `<Error><Code>${code}</Code></Error>`)
    const failure = this.failures.shift()
    if (failure !== undefined) {
      error(failure, "InternalError")
      return
    }
    const offence = offenceOf(request, body)
    if (offence !== undefined) {
      this.offences.push(`${request.method} ${request.target}: ${offence}`)
      return error(403, "SignatureDoesNotMatch")
    }
    const url = new URL(request.target, "http://x")
    const path = decodeURIComponent(url.pathname)
    if (!path.startsWith("/bucket")) {
      error(404, "NoSuchBucket")
      return
    }
    const key = path.slice("/bucket/".length)
    const query = url.searchParams
    if (query.get("list-type") === "2") {
      this.#list(query, response)
      return
    }
    const uploadId = query.get("uploadId")
    if (uploadId !== null || query.has("uploads")) {
      this.#parts(request, response, { key, query, uploadId, body })
      return
    }
    if (request.method === "PUT") {
      this.objects.set(key, { bytes: body, modifiedAt: new Date() })
      response.send(200, { ETag: '"x"' })
      return
    }
    if (request.method === "DELETE") {
      this.objects.delete(key)
      response.send(204, {})
      return
    }
    const object = this.objects.get(key)
    if (!object) {
      error(404, "NoSuchKey")
      return
    }
    const headers = { "Last-Modified": object.modifiedAt.toUTCString() }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "")
    if (range) response.send(206, headers, object.bytes.subarray(Number(range[1]), Number(range[2]) + 1))
    else response.send(200, headers, object.bytes)
  }

  #parts(
    request: HttpRequest,
    response: HttpResponse,
    ask: { key: string; query: URLSearchParams; uploadId: string | null; body: Buffer },
  ): void {
    const { key, query, uploadId, body } = ask
    if (uploadId === null) {
      const id = `upload/${this.#nextUpload++}+=`
      this.#uploads.set(id, new Map())
      const text = `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`
      response.send(200, {}, text)
      return
    }
    const parts = this.#uploads.get(uploadId)
    if (!parts) {
      response.send(404, {}, "<Error><Code>NoSuchUpload</Code></Error>")
      return
    }
    if (request.method === "PUT") {
      const number = Number(query.get("partNumber"))
      parts.set(number, body)
      response.send(200, { ETag: `"part${number}"` })
      return
    }
    this.#uploads.delete(uploadId)
    if (request.method === "DELETE") {
      response.send(204, {})
      return
    }
    const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>"part(\d+)"<\/ETag>/g)]
    const bytes = Buffer.concat(named.map(([, number]) => parts.get(Number(number))!))
    this.objects.set(key, { bytes, modifiedAt: new Date() })
    response.send(200, {}, "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")
  }

  #list(query: URLSearchParams, response: HttpResponse): void {
    const prefix = query.get("prefix") ?? ""
    const flat = query.get("delimiter") === "/"
    const after = query.get("continuation-token") ?? ""
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(prefix) && key > after && !(flat && key.slice(prefix.length).includes("/")))
      .sort()
    const shown = keys.slice(0, 2)
    const contents = shown.map((key) => {
      const { bytes, modifiedAt } = this.objects.get(key)!
      const escaped = key.replaceAll("&", "&amp;").replaceAll(":", "&#58;")
      return `<Contents><Key>${escaped}</Key><LastModified>${modifiedAt.toISOString()}</LastModified><Size>${bytes.length}</Size></Contents>`
    })
    const more = keys.length > shown.length
    const token = more ? `<NextContinuationToken>${shown.at(-1)}</NextContinuationToken>` : ""
    response.send(
      200,
      { "Content-Type": "application/xml" },
      `<ListBucketResult><IsTruncated>${more}</IsTruncated>${token}${contents.join("")}</ListBucketResult>`,
    )
  }
}

/** What is wrong with a request's signature or body (AWS Signature Version 4). */
function offenceOf(request: HttpRequest, body: Buffer): string | undefined {
  const [path, search = ""] = request.target.split("?")
  const query = new URLSearchParams(search)
  const inQuery = query.has("X-Amz-Signature")
  const field = request.headers.get("authorization") ?? ""
  const named = /Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(field)
  const credential = inQuery ? query.get("X-Amz-Credential") : named?.[1]
  const names = inQuery ? query.get("X-Amz-SignedHeaders") : named?.[2]
  const signature = inQuery ? query.get("X-Amz-Signature") : named?.[3]
  if (!credential || !names || !signature) return "not signed"
  const time = (inQuery ? query.get("X-Amz-Date") : request.headers.get("x-amz-date")) ?? ""
  const payload = inQuery ? "UNSIGNED-PAYLOAD" : request.headers.get("x-amz-content-sha256")
  if (!inQuery && payload !== createHash("sha256").update(body).digest("hex")) return "the body has another hash"
  const [accessKey, day, region, service, end] = credential.split("/")
  if (accessKey !== fakeKeys.accessKey || !time.startsWith(day!)) return "another key or day"
  const encode = (text: string) =>
    [...Buffer.from(text)]
      .map((byte) =>
        /[A-Za-z0-9\-._~]/.test(String.fromCharCode(byte))
          ? String.fromCharCode(byte)
          : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
      )
      .join("")
  const pairs = [...query]
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
  const canonical = [
    request.method,
    decodeURIComponent(path!).split("/").map(encode).join("/"),
    pairs.sort().join("&"),
    ...names.split(";").map((name) => `${name}:${request.headers.get(name)}`),
    "",
    names,
    payload,
  ].join("\n")
  const text = `AWS4-HMAC-SHA256\n${time}\n${day}/${region}/${service}/${end}\n${createHash("sha256").update(canonical).digest("hex")}`
  const chain = [day!, region!, service!, end!]
  const key = chain.reduce<Buffer | string>(
    (last, part) => createHmac("sha256", last).update(part).digest(),
    `AWS4${fakeKeys.secretKey}`,
  )
  return createHmac("sha256", key).update(text).digest("hex") === signature ? undefined : "another signature"
}
