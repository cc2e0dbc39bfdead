import type { ExposedPort } from "../../api/exposure.ts"
import { exactMatch, type Filters, labelsMatch, patternMatcher, untilOf } from "../../api/filters.ts"
import type {
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkCreateResponse,
  NetworkDisconnectRequest,
  NetworkInspect,
  NetworksPruneResponse,
} from "../../api/network.ts"
import type { Scope } from "../../core/scope.ts"
import { Failure, isKind, messageOf } from "../../errors/failure.ts"
import type { Networking } from "../../network/contract.ts"
import { parseNanos } from "../../std/clock.ts"
import type { Log } from "../../std/log.ts"
import type { ContainerRegistry } from "../containers/record/registry.ts"
import type { Events } from "../events/contract.ts"
import { isPredefined, type NetworkCatalog, type NetworkDocument } from "./catalog.ts"
import type { Networks } from "./contract.ts"
import { createNetwork, type NetworkDefaults } from "./create.ts"
import { describeNetwork, inspectNetwork } from "./describe.ts"
import { exposedPorts } from "./exposure.ts"

/** Collaborators of {@link EngineNetworks}. */
export interface NetworksNeeds {
  readonly networks: NetworkCatalog
  readonly networking: Networking
  readonly registry: Pick<ContainerRegistry, "all" | "get">
  /** Connects containers to networks and disconnects them. */
  readonly containers: { readonly attach: Networks["connect"]; readonly detach: Networks["disconnect"] }
  readonly events: Pick<Events, "publish">
  readonly log: Pick<Log, "warn">
}

/** Docker's networks: the catalogue holds the records, `Networking` the kernel objects. */
export class EngineNetworks implements Networks {
  readonly #needs: NetworksNeeds
  readonly #defaults: NetworkDefaults
  #pruning = false

  constructor(needs: NetworksNeeds, defaults: NetworkDefaults) {
    this.#needs = needs
    this.#defaults = defaults
  }

  async list(_scope: Scope, filters: Filters): Promise<readonly NetworkInspect[]> {
    for (const type of filters.get("type") ?? [])
      if (type !== "builtin" && type !== "custom")
        throw new Failure("invalidArgument", `invalid filter: 'type'='${type}'`)
    const dangling = danglingOf(filters)
    const types = filters.get("type")
    const [named, numbered] = [patternMatcher(filters, "name"), patternMatcher(filters, "id")]
    return this.#needs.networks
      .all()
      .filter(
        (network) =>
          (!types?.length || types.includes(isPredefined(network.name) ? "builtin" : "custom")) &&
          exactMatch(filters, "driver", network.driver) &&
          exactMatch(filters, "scope", network.scope) &&
          named(network.name) &&
          numbered(network.id) &&
          labelsMatch(filters, network.labels) &&
          (dangling === undefined || dangling === !this.#used(network)),
      )
      .map((network) => describeNetwork(network, this.#needs.networking, []))
  }

  async inspect(_scope: Scope, ref: string, options: { readonly scope?: string }): Promise<NetworkInspect> {
    if (options.scope && options.scope !== "local") throw new Failure("notFound", `network ${ref} not found`)
    return inspectNetwork(this.#needs.networks.resolve(ref), this.#needs.networking, this.#needs.registry.all())
  }

  async create(_scope: Scope, request: NetworkCreateRequest): Promise<NetworkCreateResponse> {
    const document = createNetwork(this.#needs.networks, this.#needs.networking, request, this.#defaults)
    await this.#needs.networks.flushed()
    this.#publish(document, "create")
    return { Id: document.id, Warning: "" }
  }

  async remove(_scope: Scope, ref: string): Promise<void> {
    const document = this.#needs.networks.resolve(ref)
    if (isPredefined(document.name))
      throw new Failure("permissionDenied", `${document.name} is a pre-defined network and cannot be removed`)
    this.#remove(document)
    await this.#needs.networks.flushed()
  }

  #remove(document: NetworkDocument): void {
    const { networks, networking } = this.#needs
    const dependents = networks.all().filter(({ configFrom }) => document.configOnly && configFrom === document.name)
    if (dependents.length > 0)
      throw new Failure(
        "permissionDenied",
        `error while removing network: configuration network "${document.name}" is in use`,
      )
    const endpoints = networking
      .sandboxes()
      .flatMap(({ containerId, containerName, endpoints: all }) =>
        all
          .filter(({ networkId }) => networkId === document.id)
          .map(
            ({ id }) =>
              `name:"${this.#needs.registry.get(containerId)?.name ?? containerName}" id:"${id.slice(0, 12)}"`,
          ),
      )
    if (endpoints.length > 0)
      throw new Failure(
        "permissionDenied",
        `error while removing network: network ${document.name} has active endpoints (${endpoints.join(", ")})`,
      )
    networks.delete(document.id)
    networking.remove(document.id)
    if (!document.configOnly) this.#publish(document, "destroy")
  }

  async connect(scope: Scope, ref: string, request: NetworkConnectRequest): Promise<void> {
    await this.#needs.containers.attach(scope, ref, request)
  }

  async disconnect(scope: Scope, ref: string, request: NetworkDisconnectRequest): Promise<void> {
    await this.#needs.containers.detach(scope, ref, request)
  }

  exposed(): readonly ExposedPort[] {
    return exposedPorts(this.#needs)
  }

  async prune(scope: Scope, filters: Filters): Promise<NetworksPruneResponse> {
    if (this.#pruning) throw new Failure("conflict", "a prune operation is already running")
    const until = untilOf(filters)
    this.#pruning = true
    try {
      const deleted: string[] = []
      for (const network of this.#needs.networks.all()) {
        if (scope.signal?.aborted) break
        if (network.configOnly || isPredefined(network.name) || this.#used(network)) continue
        if (!labelsMatch(filters, network.labels)) continue
        if (until !== undefined && (parseNanos(network.created) ?? 0n) > until) continue
        try {
          this.#remove(network)
          deleted.push(network.name)
        } catch (error) {
          if (!isKind(error, "permissionDenied"))
            this.#needs.log.warn("pruning a network failed", { network: network.name, error: messageOf(error) })
        }
      }
      this.#needs.events.publish({
        Type: "network",
        Action: "prune",
        Actor: { ID: "", Attributes: { reclaimed: "0" } },
      })
      return { NetworksDeleted: deleted.length > 0 ? deleted : null }
    } finally {
      this.#pruning = false
    }
  }

  /** Whether it is predefined or a running container is in it. */
  #used({ id, name }: NetworkDocument): boolean {
    return (
      isPredefined(name) ||
      this.#needs.networking.sandboxes().some(({ endpoints }) => endpoints.some(({ networkId }) => networkId === id))
    )
  }

  #publish({ id, name, driver }: NetworkDocument, action: string): void {
    this.#needs.events.publish({
      Type: "network",
      Action: action,
      Actor: { ID: id, Attributes: { name, type: driver } },
    })
  }
}

function danglingOf(filters: Filters): boolean | undefined {
  const values = filters.get("dangling")
  if (!values || values.length === 0) return undefined
  if (values.length > 1) throw new Failure("invalidArgument", 'got more than one value for filter key "dangling"')
  if (values[0] === "1" || values[0] === "true") return true
  if (values[0] === "0" || values[0] === "false") return false
  throw new Failure(
    "invalidArgument",
    `invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`,
  )
}
