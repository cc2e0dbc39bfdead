import { isQuota, roomAdvice } from "./no-room.ts"

/**
 * The one total table of what can go wrong: each kind with its HTTP status (Docker Engine API) and its gRPC code
 * (containerd, CRI). A kind that is not in this table does not exist.
 */
export const kinds = {
  notModified: { http: 304, grpc: 9 },
  invalidArgument: { http: 400, grpc: 3 },
  outOfRange: { http: 400, grpc: 11 },
  unauthenticated: { http: 401, grpc: 16 },
  permissionDenied: { http: 403, grpc: 7 },
  notFound: { http: 404, grpc: 5 },
  alreadyExists: { http: 409, grpc: 6 },
  conflict: { http: 409, grpc: 9 },
  tooLarge: { http: 413, grpc: 8 },
  exhausted: { http: 429, grpc: 8 },
  cancelled: { http: 499, grpc: 1 },
  internal: { http: 500, grpc: 13 },
  dataLoss: { http: 500, grpc: 15 },
  noSpace: { http: 500, grpc: 8 },
  notImplemented: { http: 501, grpc: 12 },
  unavailable: { http: 503, grpc: 14 },
  deadlineExceeded: { http: 504, grpc: 4 },
} as const

/** What class of failure this is; decides the HTTP status and the gRPC code. */
export type Kind = keyof typeof kinds

/**
 * The only error type thrown on purpose. `message` says what happened, to what, and what the user can do next; it is
 * shown to users as it is.
 */
export class Failure extends Error {
  readonly kind: Kind
  constructor(kind: Kind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = "Failure"
    this.kind = kind
  }
}

/** The kind of any thrown value; what is not a Failure is `internal`, except a full disk and an abort. */
export function kindOf(error: unknown): Kind {
  if (error instanceof SuppressedError) return kindOf(error.suppressed)
  if (error instanceof Failure) return error.kind
  const code = (error as { code?: unknown } | null)?.code
  if (code === "ENOSPC" || code === "EDQUOT") return "noSpace"
  if (error instanceof Error && error.name === "AbortError") return "cancelled"
  return "internal"
}

/** True when `error` is of `kind`. */
export const isKind = (error: unknown, kind: Kind): boolean => kindOf(error) === kind

/** The text of any thrown value, for users. What the system says of a full disk or quota gets the way out of it. */
export function messageOf(error: unknown): string {
  // A failure of the tidying up that followed: what went wrong first is what matters.
  if (error instanceof SuppressedError) return messageOf(error.suppressed)
  if (!(error instanceof Error)) return String(error)
  if (error instanceof Failure || kindOf(error) !== "noSpace") return error.message
  // Bun knows no words for it.
  const message = error.message.replace("EDQUOT: unknown error", "EDQUOT: disk quota exceeded")
  return `${message}; ${roomAdvice(error)}${isQuota(error) ? "" : " (see df -h and df -i)"}`
}

/** The HTTP status of any thrown value. */
export const toHttpStatus = (error: unknown): number => kinds[kindOf(error)].http

/** The gRPC status code of any thrown value. */
export const toGrpcCode = (error: unknown): number => kinds[kindOf(error)].grpc
