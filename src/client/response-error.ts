import { Failure, type Kind } from "../errors/failure.ts"

const kindOfStatus: Readonly<Record<number, Kind>> = {
  304: "notModified",
  400: "invalidArgument",
  401: "unauthenticated",
  403: "permissionDenied",
  404: "notFound",
  409: "conflict",
  413: "tooLarge",
  429: "exhausted",
  501: "notImplemented",
  503: "unavailable",
  504: "deadlineExceeded",
}

/** The daemon understood the request and said no. `detail` is its own message, without the words in front. */
export class ResponseError extends Failure {
  readonly status: number
  readonly detail: string
  constructor(status: number, detail: string) {
    super(kindOfStatus[status] ?? "internal", `Error response from daemon: ${detail}`)
    this.status = status
    this.detail = detail
  }
}

/** The error that a response's body tells of (Docker Engine API, "Errors"). */
export function responseError(
  status: number,
  contentType: string | undefined,
  body: string,
  path: string,
): ResponseError {
  if (contentType?.startsWith("application/json")) {
    try {
      const { message } = JSON.parse(body) as { message?: unknown }
      if (typeof message === "string" && message) return new ResponseError(status, message.trim())
    } catch {
      return new ResponseError(status, body.trim())
    }
  }
  return new ResponseError(
    status,
    body.trim() ||
      `request returned ${status} for API route ${path}, check if the server supports the requested API version`,
  )
}
