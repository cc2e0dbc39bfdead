import { closeSync } from "node:fs"
import { basename } from "node:path"
import { messageOf } from "../errors/failure.ts"
import { ResolverSockets } from "../linux/resolver-sockets.ts"
import type { DescriptorHolder, Endpoint, Sandbox } from "./contract.ts"
import { defaultNetworkId } from "./default-network.ts"
import type { NameService } from "./dns/service.ts"
import { enterNamespace } from "./namespaces.ts"

export interface ResolutionOptions {
  readonly names: NameService
  readonly sandboxes: ReadonlyMap<string, Sandbox>
  readonly holder?: DescriptorHolder
  readonly log: (message: string) => void
}

/** Docker resolves names in networks that the user made, not in the default bridge. */
export const isOfUser = ({ networkId }: Pick<Endpoint, "networkId">): boolean => networkId !== defaultNetworkId

/** Which sockets questions for names are answered on, and that they outlive this process. */
export class Resolution {
  readonly #options: ResolutionOptions

  constructor(options: ResolutionOptions) {
    this.#options = options
  }

  /**
   * Answers on sockets inside a sandbox, which are closed where nobody is to be answered, or is already.
   * @param held whether the holder has them already
   */
  serve({ containerId, path, endpoints }: Sandbox, sockets: ResolverSockets | undefined, held = false): void {
    if (!sockets || !endpoints.some(isOfUser)) sockets?.[Symbol.dispose]()
    else if (this.#options.names.serve(containerId, sockets) && !held)
      this.#options.holder?.hold(basename(path), [sockets.udp, sockets.tcp])
  }

  /** Whether a sandbox has sockets that questions are answered on. */
  serves(containerId: string): boolean {
    return this.#options.names.serves(containerId)
  }

  stop({ containerId, path }: Sandbox): void {
    this.#options.names.stop(containerId)
    this.#options.holder?.release(basename(path))
  }

  /** Answers again, for sandboxes of an earlier life: on the sockets that were held, else on new ones. */
  async resume(): Promise<void> {
    const { sandboxes, holder, log } = this.#options
    const held = new Map(await holder?.recover())
    for (const { containerId, path, endpoints } of [...sandboxes.values()]) {
      if (!endpoints.some(isOfUser)) continue
      const [udp, tcp] = held.get(basename(path)) ?? []
      held.delete(basename(path))
      try {
        const found = udp !== undefined && tcp !== undefined
        const sockets = found ? new ResolverSockets(udp, tcp) : await openIn(path)
        const sandbox = sandboxes.get(containerId)
        if (sandbox) this.serve(sandbox, sockets, found)
        else sockets?.[Symbol.dispose]()
      } catch (error) {
        log(`names are not answered in ${path}: ${messageOf(error)}`)
      }
    }
    for (const [key, descriptors] of held) {
      for (const descriptor of descriptors) closeSync(descriptor)
      holder?.release(key)
    }
  }
}

async function openIn(path: string): Promise<ResolverSockets | undefined> {
  const { route, resolver } = await enterNamespace(path, { names: true })
  route[Symbol.dispose]()
  return resolver
}
