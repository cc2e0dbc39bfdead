import type { Ipam } from "../../api/network.ts"
import type { Collection } from "../../core/metadata/contract.ts"
import { Failure } from "../../errors/failure.ts"
import { defaultNetworkId } from "../../network/default-network.ts"

/** What is kept of a network on disk, as it was asked for. */
export interface NetworkDocument {
  readonly id: string
  readonly name: string
  /** RFC 3339. */
  readonly created: string
  readonly driver: string
  readonly scope: string
  readonly ipv4: boolean
  readonly ipv6: boolean
  readonly ipam: Ipam
  readonly internal: boolean
  readonly attachable: boolean
  readonly ingress: boolean
  readonly configOnly: boolean
  readonly configFrom: string
  readonly options: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
}

/** Names that nobody can give to a network, or take away. */
export const predefinedNames: readonly string[] = ["bridge", "host", "none", "default"]

export const isPredefined = (name: string): boolean => predefinedNames.includes(name)

/** The IDs of the predefined networks: the same on every host, made of their names. */
export const predefinedId = (name: string): string =>
  name === "bridge" ? defaultNetworkId : Buffer.from(name.padEnd(32, "-")).toString("hex").slice(0, 64)

/** Every network of the engine; the records below hold those of the user on disk. */
export class NetworkCatalog {
  readonly #records: Collection<NetworkDocument>
  readonly #byId = new Map<string, NetworkDocument>()

  /** @param created RFC 3339, shown as the predefined networks' time of creation */
  constructor(
    records: Collection<NetworkDocument>,
    predefined: { readonly bridge: boolean; readonly created: string },
  ) {
    this.#records = records
    const names = predefined.bridge ? (["bridge", "host", "none"] as const) : (["host", "none"] as const)
    for (const name of names) {
      const id = predefinedId(name)
      this.#byId.set(id, {
        id,
        name,
        created: predefined.created,
        driver: name === "none" ? "null" : name,
        scope: "local",
        ipv4: true,
        ipv6: false,
        ipam: { Driver: "default", Options: null, Config: null },
        internal: false,
        attachable: false,
        ingress: false,
        configOnly: false,
        configFrom: "",
        options: {},
        labels: {},
      })
    }
    for (const [id, document] of records.all()) this.#byId.set(id, document)
  }

  all(): readonly NetworkDocument[] {
    return [...this.#byId.values()]
  }

  get(id: string): NetworkDocument | undefined {
    return this.#byId.get(id)
  }

  byName(name: string): NetworkDocument | undefined {
    for (const document of this.#byId.values()) if (document.name === name) return document
    return undefined
  }

  /**
   * Looks up a full ID, a name, or a unique ID prefix, in this order.
   * @throws notFound · invalidArgument when it is ambiguous, in Docker's words
   */
  resolve(ref: string): NetworkDocument {
    const found = this.find(ref)
    if (found) return found
    throw new Failure("notFound", `network ${ref} not found`)
  }

  /** As {@link resolve}, with undefined for what is not there. @throws invalidArgument when it is ambiguous */
  find(ref: string): NetworkDocument | undefined {
    const exact = this.#byId.get(ref) ?? this.byName(ref)
    if (exact || ref === "") return exact
    const matches = this.all().filter(({ id }) => id.startsWith(ref))
    if (matches.length > 1)
      throw new Failure(
        "invalidArgument",
        `network ${ref} is ambiguous (${matches.length} matches found based on ID prefix)`,
      )
    return matches[0]
  }

  add(document: NetworkDocument): void {
    this.#records.put(document.id, document)
    this.#byId.set(document.id, document)
  }

  /** Resolves when what was added and deleted survives a loss of power. */
  flushed(): Promise<void> {
    return this.#records.flushed()
  }

  delete(id: string): void {
    this.#records.delete(id)
    this.#byId.delete(id)
  }
}
