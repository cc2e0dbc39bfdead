import { Failure } from "../errors/failure.ts"

/** A host that could not be talked to, and how far it came. */
export class ConnectionFailure extends Failure {
  /** Whether the host did not speak TLS, or not with a certificate that is trusted. */
  readonly insecure: boolean
  /** What happened, without what was asked. */
  readonly reason: string

  constructor(message: string, insecure: boolean, cause: unknown, reason = message) {
    super("unavailable", message, cause)
    this.insecure = insecure
    this.reason = reason
  }

  /** The same, told of the registry's root: that it cannot be reached at all does not depend on what is asked. */
  ofRegistry(root: URL): ConnectionFailure {
    if (!/^(?:dial|tls|http): |^dial |^proxyconnect /.test(this.reason)) return this
    const message = `Get "${root.href.replace(/\/+$/, "")}/": ${this.reason}`
    return new ConnectionFailure(message, this.insecure, this.cause, this.reason)
  }
}

/** A host that has said nothing for as long as anything may take: it is not asked again. */
export class SilentHost extends ConnectionFailure {
  /** @param millis how long it was waited for */
  constructor(url: URL, millis: number) {
    const reason = `${url.host} has not answered for ${millis / 1000} seconds (Client.Timeout exceeded while awaiting headers)`
    super(`Get "${url.href}": ${reason}`, false, undefined, reason)
  }
}

/** What broke a connection, in the words of Go's clients: scripts and people look for them. */
export function connectionFailure(method: string, url: URL, error: unknown): Failure {
  if (error instanceof ConnectionFailure) return error
  const verb = method.charAt(0) + method.slice(1).toLowerCase()
  const { text, insecure } = explain(url, error)
  return new ConnectionFailure(`${verb} "${url.href}": ${text}`, insecure, error, text)
}

/** What broke the connection to the proxy that `url` is reached through: the registry was not asked at all. */
export function proxyFailure(method: string, url: URL, proxy: URL, error: unknown): Failure {
  const verb = method.charAt(0) + method.slice(1).toLowerCase()
  const text = `proxyconnect tcp: ${explain(proxy, error).text} (the proxy ${proxy.host} cannot be reached: see HTTP_PROXY, HTTPS_PROXY and NO_PROXY)`
  return new ConnectionFailure(`${verb} "${url.href}": ${text}`, false, error, text)
}

function explain(url: URL, error: unknown): { readonly text: string; readonly insecure: boolean } {
  const { code, message } = error as NodeJS.ErrnoException
  const plain = (text: string) => ({ text, insecure: false })
  const untrusted = (text: string) => ({ text: `tls: failed to verify certificate: x509: ${text}`, insecure: true })
  const host = url.hostname.replace(/^\[|\]$/g, "")
  const port = url.port || (url.protocol === "https:" ? "443" : "80")
  const address = `${url.hostname}:${port}`
  switch (code) {
    case "ECONNREFUSED":
      return plain(`dial tcp ${address}: connect: connection refused`)
    case "EHOSTUNREACH":
      return plain(`dial tcp ${address}: connect: no route to host`)
    case "ENETUNREACH":
      return plain(`dial tcp ${address}: connect: network is unreachable`)
    case "ETIMEDOUT":
      return plain(`dial tcp ${address}: i/o timeout`)
    case "ENOTFOUND":
      return plain(`dial tcp: lookup ${host}: no such host`)
    case "EAI_AGAIN":
      return plain(`dial tcp: lookup ${host}: Temporary failure in name resolution`)
    case "ECONNRESET":
    case "EPIPE":
      return plain("EOF")
    case "ERR_SSL_WRONG_VERSION_NUMBER":
      return { text: "http: server gave HTTP response to HTTPS client", insecure: true }
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return untrusted(`certificate is not valid for ${host}: ${message}`)
    case "CERT_HAS_EXPIRED":
      return untrusted("certificate has expired or is not yet valid")
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return untrusted("certificate signed by unknown authority")
    default:
      return plain(message)
  }
}
