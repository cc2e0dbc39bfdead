import { createHash, createHmac } from "node:crypto"

/** Who signs, and for where. */
export interface SigningKeys {
  readonly accessKey: string
  readonly secretKey: string
  readonly sessionToken?: string
  readonly region: string
  readonly service: string
}

export interface SignedRequest {
  readonly method: string
  /** With path and query already encoded as they are sent. */
  readonly url: URL
  /** Names in lower case; `host` is taken from the address. */
  readonly headers: Readonly<Record<string, string>>
  /** The body's sha256 in hexadecimal digits, or `UNSIGNED-PAYLOAD`. */
  readonly payload: string
}

const algorithm = "AWS4-HMAC-SHA256"
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest()

export const sha256Hex = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex")

/** Percent-encodes everything but unreserved characters (RFC 3986, section 2.3), as signatures need it. */
export const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

/** The header fields of a request with its signature (AWS Signature Version 4). */
export function signed(request: SignedRequest, keys: SigningKeys, now: Date): Record<string, string> {
  const time = timestamp(now)
  const headers: Record<string, string> = {
    ...request.headers,
    "x-amz-date": time,
    "x-amz-content-sha256": request.payload,
    ...(keys.sessionToken ? { "x-amz-security-token": keys.sessionToken } : {}),
  }
  const { signature, names } = sign(request, { host: request.url.host, ...headers }, keys, time)
  headers["authorization"] =
    `${algorithm} Credential=${keys.accessKey}/${scope(keys, time)}, SignedHeaders=${names}, Signature=${signature}`
  return headers
}

/** The address of a GET that whoever has it may send for `seconds`. */
export function presigned(url: URL, keys: SigningKeys, now: Date, seconds: number): string {
  const time = timestamp(now)
  const query: Record<string, string> = {
    "X-Amz-Algorithm": algorithm,
    "X-Amz-Credential": `${keys.accessKey}/${scope(keys, time)}`,
    "X-Amz-Date": time,
    "X-Amz-Expires": String(seconds),
    "X-Amz-SignedHeaders": "host",
    ...(keys.sessionToken ? { "X-Amz-Security-Token": keys.sessionToken } : {}),
  }
  const address = new URL(url)
  address.search = Object.entries(query)
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .join("&")
  const request = { method: "GET", url: address, headers: {}, payload: "UNSIGNED-PAYLOAD" }
  const { signature } = sign(request, { host: url.host }, keys, time)
  return `${address.href}&X-Amz-Signature=${signature}`
}

function sign(
  request: SignedRequest,
  headers: Readonly<Record<string, string>>,
  keys: SigningKeys,
  time: string,
): { readonly signature: string; readonly names: string } {
  const sorted = Object.entries(headers)
    .map(([name, value]) => [name.toLowerCase(), value.trim().replace(/\s+/g, " ")] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const names = sorted.map(([name]) => name).join(";")
  const canonical = [
    request.method,
    request.url.pathname,
    canonicalQuery(request.url.search),
    ...sorted.map(([name, value]) => `${name}:${value}`),
    "",
    names,
    request.payload,
  ].join("\n")
  const text = [algorithm, time, scope(keys, time), sha256Hex(canonical)].join("\n")
  const day = hmac(`AWS4${keys.secretKey}`, time.slice(0, 8))
  const key = hmac(hmac(hmac(day, keys.region), keys.service), "aws4_request")
  return { signature: hmac(key, text).toString("hex"), names }
}

function canonicalQuery(search: string): string {
  return search
    .replace(/^\?/, "")
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => (pair.includes("=") ? pair : `${pair}=`))
    .sort()
    .join("&")
}

const timestamp = (date: Date): string => date.toISOString().replace(/[-:]|\.\d{3}/g, "")
const scope = (keys: SigningKeys, time: string): string =>
  `${time.slice(0, 8)}/${keys.region}/${keys.service}/aws4_request`
