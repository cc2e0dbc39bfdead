import type { HttpRequest } from "../../std/http/request.ts"
import type { HttpResponse, OutgoingHeaders } from "../../std/http/response.ts"
import type { Access } from "../auth/contract.ts"

/** One request on its way through a route. */
export class Call {
  readonly request: HttpRequest
  readonly response: HttpResponse
  readonly path: string
  readonly query: URLSearchParams
  access!: Access
  /** Bytes of body sent. */
  sent = 0
  /** What is being done, for the log and the metrics. */
  operation = "other"
  repository = ""

  constructor(request: HttpRequest, response: HttpResponse) {
    this.request = request
    this.response = response
    const question = request.target.indexOf("?")
    this.path = question < 0 ? request.target : request.target.slice(0, question)
    this.query = new URLSearchParams(question < 0 ? "" : request.target.slice(question + 1))
  }

  header(name: string): string | undefined {
    return this.request.headers.get(name)
  }

  /** Sends a whole response. */
  send(status: number, headers: OutgoingHeaders = {}, body: string | Uint8Array = ""): void {
    this.response.send(status, { ...this.#common(), ...headers }, body)
    if (this.request.method !== "HEAD") this.sent += typeof body === "string" ? Buffer.byteLength(body) : body.length
  }

  json(status: number, value: unknown, headers: OutgoingHeaders = {}): void {
    this.send(status, { "Content-Type": "application/json", ...headers }, `${JSON.stringify(value)}\n`)
  }

  /** Sends a body of known length as it comes. What cannot be completed breaks the connection. */
  async stream(
    status: number,
    headers: OutgoingHeaders,
    length: number,
    body: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const writer = this.response.stream(status, {
      ...this.#common(),
      ...headers,
      "Content-Length": String(length),
    })
    const { signal } = this.request
    let left = length
    for await (const chunk of body) {
      if (signal.aborted) return
      left -= chunk.length
      this.sent += chunk.length
      await writer.write(chunk)
    }
    if (left === 0) writer.end()
  }

  /** Sends the head that a GET would get. */
  head(status: number, headers: OutgoingHeaders, length: number): void {
    this.response.stream(status, { ...this.#common(), ...headers, "Content-Length": String(length) }).end()
  }

  /** What every answer says: older clients know a registry by its version; browsers must not make a page of what was pushed. */
  #common(): OutgoingHeaders {
    return {
      "X-Content-Type-Options": "nosniff",
      "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
      ...(this.path.startsWith("/v2") ? { "Docker-Distribution-API-Version": "registry/2.0" } : {}),
    }
  }
}
