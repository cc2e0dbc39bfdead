import { messageOf } from "../errors/failure.ts"
import type { Endpoint } from "../std/http/endpoint.ts"
import { type Listener, type ListenOptions, openListeners } from "../std/http/listener.ts"
import { Router } from "../std/http/router.ts"
import { type CloseGrace, HttpServer } from "../std/http/server.ts"
import type { Containers } from "./containers/contract.ts"
import type { Events } from "./events/contract.ts"
import type { Execs } from "./exec/contract.ts"
import type { Images } from "./images/contract.ts"
import type { Networks } from "./networks/contract.ts"
import type { RegistryQueries } from "./registry/contract.ts"
import { archiveRoutes } from "./routes/archive.ts"
import { containerRoutes } from "./routes/containers.ts"
import { dispatcher } from "./routes/dispatch.ts"
import { execRoutes } from "./routes/exec.ts"
import { imageRoutes } from "./routes/images.ts"
import { networkRoutes } from "./routes/networks.ts"
import { registryRoutes } from "./routes/registry.ts"
import type { RouteTable } from "./routes/route.ts"
import { swarmRoutes } from "./routes/swarm.ts"
import { systemRoutes } from "./routes/system.ts"
import { traceRoutes } from "./routes/traces.ts"
import { volumeRoutes } from "./routes/volumes.ts"
import type { System } from "./system/contract.ts"
import type { Traces } from "./traces/contract.ts"
import type { Volumes } from "./volumes/contract.ts"

/** Everything the API is a face of. */
export interface EngineServices {
  readonly containers: Containers
  readonly execs: Execs
  readonly images: Images
  readonly volumes: Volumes
  readonly networks: Networks
  readonly events: Events
  readonly system: System
  readonly registry: RegistryQueries
  readonly traces: Traces
}

export interface ApiServerOptions {
  readonly services: EngineServices
  /** The daemon's version, told in the `Server` header. */
  readonly productVersion: string
  readonly experimental?: boolean
  /** Makes the room available that is kept back for removals. @returns false when there is none */
  readonly releaseReserve?: () => boolean
  /** Told how long every request took, by the key of its route. */
  readonly onAnswer?: (key: string, seconds: number) => void
  /** Told of each request that failed by the daemon's fault, once. */
  readonly log?: (line: string) => void
  /** How many bytes sent on a socket its client has not read yet. */
  readonly unread?: (descriptor: number) => number
}

/** Docker's API over any number of sockets. */
export interface ApiServer extends AsyncDisposable {
  /** Begins to serve an endpoint. @returns the addresses, with the ports that were chosen. @throws as `openListeners` */
  listen(endpoint: Endpoint, options?: Omit<ListenOptions, "accept">): Promise<readonly string[]>
  /** How many clients are connected. */
  readonly connections: number
  /** Stops listening, lets responses under way end for a while, then closes every connection. */
  close(grace: CloseGrace): Promise<void>
}

/** Every route of the API. */
export function apiRoutes(services: EngineServices): RouteTable {
  const { containers, execs, images, volumes, networks, events, system, registry, traces } = services
  return [
    ...systemRoutes(system, events),
    ...registryRoutes(registry),
    ...containerRoutes(containers),
    ...archiveRoutes(containers),
    ...execRoutes(execs),
    ...imageRoutes(images),
    ...volumeRoutes(volumes),
    ...networkRoutes(networks),
    ...traceRoutes(traces, containers),
    ...swarmRoutes(),
  ]
}

/** Composes the API's routes over the engine's services. Nothing listens until `listen`. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { traces } = options.services
  const router = new Router(apiRoutes(options.services))
  const server = new HttpServer(
    dispatcher({
      router,
      productVersion: options.productVersion,
      experimental: options.experimental ?? false,
      sink: traces.sink,
      ...(options.onAnswer ? { onAnswer: options.onAnswer } : {}),
      ...(options.releaseReserve ? { releaseReserve: options.releaseReserve } : {}),
      onFailure: (request, error) => options.log?.(`${request}: ${messageOf(error)}`),
    }),
    {},
    options.unread,
  )
  const listeners: Listener[] = []
  const close = async (grace?: CloseGrace) => {
    for (const listener of listeners.splice(0)) await listener[Symbol.asyncDispose]()
    await server.close(grace)
  }
  return {
    async listen(endpoint, listenOptions = {}) {
      const opened = await openListeners(endpoint, { ...listenOptions, accept: server.accept })
      listeners.push(...opened)
      return opened.map((listener) => listener.address)
    },
    get connections() {
      return server.connections
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  }
}
