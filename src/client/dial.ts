import { connect, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import { Failure } from "../errors/failure.ts"
import { openTunnel } from "../std/http/proxy-tunnel.ts"
import { tlsName } from "../std/tls-name.ts"
import type { Host, TlsOptions } from "./host.ts"

type TcpHost = Host & { readonly kind: "tcp" }

/** How a daemon on TCP is reached. */
export interface TcpWay {
  readonly host: TcpHost
  readonly tls?: TlsOptions | undefined
  /** The proxy in between. */
  readonly proxy?: URL | undefined
  /** Whether the proxy makes a way through, instead of passing on single requests that name their whole target. With TLS it always does. */
  readonly tunnel: boolean
}

/** Connects to a daemon on TCP. @throws Error of the connection; unavailable, naming the proxy, when it is at fault */
export async function dialTcp({ host, tls, proxy, tunnel }: TcpWay): Promise<Socket> {
  const socket = proxy ? await dialProxy(proxy) : await dial(host.host, host.port)
  if (proxy && (tls || tunnel)) await openTunnel(socket, proxy, host.text.replace("tcp://", ""))
  // Nothing comes on it before we have spoken, so nothing is lost.
  if (!tls) return socket.resume()
  const { verify, ...material } = tls
  const { host: name, port } = host
  const secured = connectTls({
    ...tlsName(name),
    ...(proxy ? { socket } : { port }),
    ...material,
    rejectUnauthorized: verify,
  })
  return connected(secured, "secureConnect")
}

const dial = (host: string, port: number) =>
  connected(connect({ host, port, allowHalfOpen: true, noDelay: true }), "connect")

async function dialProxy(proxy: URL): Promise<Socket> {
  const secure = proxy.protocol === "https:"
  const host = proxy.hostname.replace(/^\[|\]$/g, "")
  const port = Number(proxy.port || (secure ? 443 : 80))
  try {
    return secure ? await connected(connectTls({ host, port }), "secureConnect") : await dial(host, port)
  } catch (error) {
    throw new Failure(
      "unavailable",
      `the proxy ${proxy.host} cannot be reached: ${(error as Error).message}; see HTTP_PROXY, HTTPS_PROXY and NO_PROXY`,
      error,
    )
  }
}

function connected(socket: Socket, event: "connect" | "secureConnect"): Promise<Socket> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject)
    socket.once(event, () => {
      socket.off("error", reject)
      resolve(socket)
    })
  })
}
