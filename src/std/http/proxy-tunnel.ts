import type { Socket } from "node:net"
import { Failure } from "../../errors/failure.ts"

const largestHead = 64 << 10

/** The header that tells a proxy who asks, where its address names a user (RFC 9110, section 11.7). */
export function proxyAuthorization(proxy: URL): Record<string, string> {
  if (!proxy.username) return {}
  const text = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return { "Proxy-Authorization": `Basic ${Buffer.from(text).toString("base64")}` }
}

/**
 * Asks a proxy for a way through to `authority`, `host:port` (RFC 9110, section 9.3.6).
 * @throws unavailable when the proxy refuses
 */
export async function openTunnel(socket: Socket, proxy: URL, authority: string): Promise<void> {
  const headers = { Host: authority, ...proxyAuthorization(proxy) }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`CONNECT ${authority} HTTP/1.1\r\n${lines.join("")}\r\n`)
  const head = await new Promise<string>((resolve, reject) => {
    let text = ""
    const settle = (work: () => void) => {
      socket.off("data", take)
      socket.pause()
      work()
    }
    const take = (chunk: Buffer) => {
      text += chunk.toString("latin1")
      // Nothing of the tunnel itself can come before we have spoken.
      if (text.includes("\r\n\r\n")) settle(() => resolve(text))
      else if (text.length > largestHead) settle(() => reject(new Error("the proxy's answer is too long")))
    }
    socket.on("data", take)
    socket.once("error", reject)
    socket.once("close", () => reject(new Error("EOF")))
  })
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]
  if (status !== "200") {
    throw new Failure("unavailable", `the proxy ${proxy.host} refuses the way to ${authority} with status ${status}`)
  }
}
