import { messageOf } from "../errors/failure.ts"
import type { Endpoint } from "../std/http/endpoint.ts"
import { openListeners } from "../std/http/listener.ts"
import { HttpServer } from "../std/http/server.ts"

/** Serves `/metrics` at an address of its own, which need not be open to the registry's clients. @throws as `openListeners` */
export async function metricsServer(
  endpoint: Endpoint,
  text: () => Promise<string>,
): Promise<{ readonly address: string } & AsyncDisposable> {
  const server = new HttpServer(async (request, response) => {
    if (request.target.split("?")[0] !== "/metrics") {
      response.send(404, { "Content-Type": "text/plain" }, "metrics are at /metrics\n")
      return
    }
    try {
      response.send(200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" }, await text())
    } catch (error) {
      response.send(500, { "Content-Type": "text/plain" }, `${messageOf(error)}\n`)
    }
  })
  const listeners = await openListeners(endpoint, { accept: server.accept })
  return {
    address: listeners[0]!.address.replace(/^tcp:\/\//, ""),
    async [Symbol.asyncDispose]() {
      for (const listener of listeners) await listener[Symbol.asyncDispose]()
      await server.close()
    },
  }
}
