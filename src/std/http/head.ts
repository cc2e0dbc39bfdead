import { HeaderFields } from "./headers.ts"

/** How a request's body is delimited (RFC 9112, section 6). */
export type BodyLength =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }

/** The parsed head of a request. */
export interface RequestHead {
  readonly method: string
  /** Path and query as sent, starting with `/`; `*` for OPTIONS. */
  readonly target: string
  /** The minor version: HTTP/1.0 or HTTP/1.1. */
  readonly minor: 0 | 1
  readonly headers: HeaderFields
  readonly body: BodyLength
  readonly keepAlive: boolean
}

/** A request that cannot be understood: answered with `status`, then the connection is closed. */
export class BadRequest extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.name = "BadRequest"
    this.status = status
  }
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const visible = /^[\x21-\x7e\x80-\xff]+$/
const fieldText = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * Parses a request head: everything before the empty line, as latin1. Strict where laxness lets one request hide in
 * another (RFC 9112, section 11.2).
 * @throws BadRequest
 */
export function parseHead(text: string): RequestHead {
  const lines = text.split("\r\n")
  const [method, target, version, extra] = lines[0]!.split(" ")
  if (!method || !target || !version || extra !== undefined || !token.test(method) || !visible.test(target))
    throw new BadRequest(400, "malformed request line")
  if (version !== "HTTP/1.1" && version !== "HTTP/1.0") {
    if (/^HTTP\/\d\.\d$/.test(version)) throw new BadRequest(505, `unsupported protocol version ${version}`)
    throw new BadRequest(400, "malformed request line")
  }
  const minor = version === "HTTP/1.1" ? 1 : 0
  const headers = new HeaderFields()
  for (let i = 1; i < lines.length; i++) addField(headers, lines[i]!)
  const hosts = headers.all("host")
  if (hosts.length > 1) throw new BadRequest(400, "more than one Host header")
  // RFC 9112, section 3.2; an empty one is right for what has no authority, as a unix socket.
  if (hosts.length === 0 && minor === 1) throw new BadRequest(400, "missing required Host header")
  return {
    method,
    target: originForm(method, target),
    minor,
    headers,
    body: bodyLength(headers, minor),
    keepAlive: minor === 1 ? !headers.lists("connection", "close") : headers.lists("connection", "keep-alive"),
  }
}

function addField(headers: HeaderFields, line: string): void {
  const colon = line.indexOf(":")
  const name = line.slice(0, colon)
  // A name with white space before the colon, or a folded line, is not a token.
  if (colon <= 0 || !token.test(name)) throw new BadRequest(400, "malformed header line")
  const value = line.slice(colon + 1).trim()
  if (!fieldText.test(value)) throw new BadRequest(400, `invalid characters in header ${name}`)
  headers.add(name.toLowerCase(), value)
}

function originForm(method: string, target: string): string {
  if (target.startsWith("/")) return target
  if (target === "*" && method === "OPTIONS") return target
  const absolute = /^https?:\/\/[^/?#]*([^#]*)$/i.exec(target)
  if (!absolute) throw new BadRequest(400, "malformed request target")
  const rest = absolute[1]!
  return rest.startsWith("/") ? rest : `/${rest}`
}

function bodyLength(headers: HeaderFields, minor: 0 | 1): BodyLength {
  const codings = headers.all("transfer-encoding")
  const lengths = headers.all("content-length")
  if (codings.length > 0) {
    if (lengths.length > 0) throw new BadRequest(400, "both Transfer-Encoding and Content-Length")
    if (minor === 0) throw new BadRequest(400, "Transfer-Encoding in an HTTP/1.0 request")
    if (codings.length !== 1 || codings[0]!.toLowerCase() !== "chunked")
      throw new BadRequest(501, "unsupported transfer encoding")
    return { kind: "chunked" }
  }
  if (lengths.length === 0) return { kind: "none" }
  const first = lengths[0]!
  if (!/^\d{1,15}$/.test(first) || lengths.some((length) => length !== first))
    throw new BadRequest(400, "invalid Content-Length")
  const bytes = Number(first)
  return bytes === 0 ? { kind: "none" } : { kind: "length", bytes }
}
