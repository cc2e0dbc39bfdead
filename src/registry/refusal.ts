/** The error codes of the OCI distribution specification ("Error Codes") with the status each is sent with. */
export const codes = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
  UNAVAILABLE: 503,
  UNKNOWN: 500,
} as const

export type Code = keyof typeof codes

/** A request that is refused, in the specification's words. `message` says what is wrong and what helps. */
export class Refusal extends Error {
  readonly code: Code
  readonly status: number
  readonly detail: unknown
  readonly headers: Readonly<Record<string, string | readonly string[]>>

  constructor(
    code: Code,
    message: string,
    more: {
      /** When the code's own status does not say enough (413, 416, 412). */
      readonly status?: number
      readonly detail?: unknown
      readonly headers?: Readonly<Record<string, string | readonly string[]>>
    } = {},
  ) {
    super(message)
    this.name = "Refusal"
    this.code = code
    this.status = more.status ?? codes[code]
    this.detail = more.detail
    this.headers = more.headers ?? {}
  }
}
