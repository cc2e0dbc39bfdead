import type { Endpoint } from "../std/http/endpoint.ts"
import { openListeners } from "../std/http/listener.ts"
import { metricsHandler } from "../std/http/metrics.ts"
import { HttpServer } from "../std/http/server.ts"

/** Serves `/metrics` at an address of its own, which need not be open to the registry's clients. @throws as `openListeners` */
export async function metricsServer(
  endpoint: Endpoint,
  text: () => Promise<string>,
): Promise<{ readonly address: string } & AsyncDisposable> {
  const server = new HttpServer(metricsHandler(text))
  const listeners = await openListeners(endpoint, { accept: server.accept })
  return {
    address: listeners[0]!.address.replace(/^tcp:\/\//, ""),
    async [Symbol.asyncDispose]() {
      for (const listener of listeners) await listener[Symbol.asyncDispose]()
      await server.close()
    },
  }
}
