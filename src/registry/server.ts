import type { Endpoint } from "../std/http/endpoint.ts"
import { type Listener, openListeners } from "../std/http/listener.ts"
import { HttpServer } from "../std/http/server.ts"
import { SharedRoom } from "../std/http/shared-room.ts"
import type { TlsKeys } from "../std/http/tls-server.ts"
import { type DispatchOptions, dispatcher } from "./routes/dispatch.ts"

/** Bytes of a request's head: no client of a registry needs more. */
const headBytes = 64 * 1024
/** Bytes of all uploads that are in memory between sockets and disk, however many clients push and however fast. */
const bodyBytes = 4 << 20

/** The registry's API over any number of addresses. */
export class RegistryServer implements AsyncDisposable {
  readonly #server: HttpServer
  readonly #listeners: Listener[] = []

  constructor(options: DispatchOptions) {
    this.#server = new HttpServer(dispatcher(options), { headBytes, bodyRoom: new SharedRoom(bodyBytes) })
  }

  /** How many clients are connected. */
  get connections(): number {
    return this.#server.connections
  }

  /** @returns the addresses with the ports that were chosen. @throws as `openListeners` */
  async listen(endpoint: Endpoint, tls?: TlsKeys): Promise<readonly string[]> {
    const opened = await openListeners(endpoint, { accept: this.#server.accept, ...(tls ? { tls } : {}) })
    this.#listeners.push(...opened)
    return opened.map((listener) => listener.address)
  }

  /** Takes other keys for connections from now on. @throws invalidArgument */
  renew(keys: TlsKeys): void {
    for (const listener of this.#listeners) listener.renew?.(keys)
  }

  /** Stops listening, lets requests under way end for at most `graceMillis`, then closes every connection. */
  async close(graceMillis: number): Promise<void> {
    for (const listener of this.#listeners.splice(0)) await listener[Symbol.asyncDispose]()
    await this.#server.close({ begun: graceMillis, awaited: graceMillis })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(0)
  }
}
