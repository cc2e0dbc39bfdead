import type { ContainerStore } from "../../../core/containers/contract.ts"
import type { Scope } from "../../../core/scope.ts"
import { Failure } from "../../../errors/failure.ts"
import { decodeJson, encodeJson } from "../../../std/json.ts"
import { encodeJsonInTurns, isSmall } from "../../../std/json-pieces.ts"
import { KeyedMutex } from "../../../std/semaphore.ts"
import { Container } from "./container.ts"
import type { ContainerDocument } from "./document.ts"
import { upToDate } from "./older-document.ts"
import { RemovedExits } from "./removed-exits.ts"

const extension = "engine"

/** All containers of the engine, by ID and name; the store holds the same on disk. */
export class ContainerRegistry {
  readonly removedExits = new RemovedExits()
  readonly #store: ContainerStore
  readonly #byId = new Map<string, Container>()
  readonly #byName = new Map<string, string>()
  readonly #locks = new KeyedMutex()
  readonly #saves = new KeyedMutex()

  constructor(store: ContainerStore) {
    this.#store = store
  }

  /** Reads all documents. Call once, before anything else. */
  async load(scope: Scope): Promise<void> {
    for (const record of await this.#store.list(scope)) {
      const text = record.extensions[extension]
      if (typeof text !== "string") continue
      const container = new Container(record.id, upToDate(decodeJson(text) as unknown as ContainerDocument))
      this.#byId.set(container.id, container)
      this.#byName.set(container.name, container.id)
    }
  }

  all(): Container[] {
    return [...this.#byId.values()]
  }

  get(id: string): Container | undefined {
    return this.#byId.get(id)
  }

  byName(name: string): Container | undefined {
    const id = this.#byName.get(name)
    return id === undefined ? undefined : this.#byId.get(id)
  }

  /**
   * Looks up a full ID, a name, the path of a link (`web/database`), or a unique ID prefix, in this order.
   * @throws notFound · invalidArgument when the prefix is ambiguous
   */
  resolve(ref: string): Container {
    if (ref === "") throw new Failure("invalidArgument", 'invalid name or ID supplied: ""')
    const found = this.#byId.get(ref) ?? this.byName(ref.replace(/^\//, ""))
    if (found) return found
    const linked = this.#byLink(ref)
    if (linked) return linked
    if (/^[0-9a-f]{1,64}$/.test(ref)) {
      const matches = this.all().filter((container) => container.id.startsWith(ref))
      if (matches.length === 1) return matches[0]!
      if (matches.length > 1) {
        throw new Failure("invalidArgument", `multiple IDs found with provided prefix: ${ref}`)
      }
    }
    throw new Failure("notFound", `No such container: ${ref}`)
  }

  /** As {@link resolve}, but undefined when there is no such container or the prefix is ambiguous. */
  find(ref: string): Container | undefined {
    try {
      return this.resolve(ref)
    } catch {
      return undefined
    }
  }

  #byLink(path: string): Container | undefined {
    const [owner, alias, ...more] = path.replace(/^\//, "").split("/")
    if (owner === undefined || alias === undefined || more.length > 0) return undefined
    const link = this.byName(owner)?.document.links?.find((each) => each.alias === alias)
    return link && this.#byId.get(link.containerId)
  }

  /** Takes a name for a container that is being created. Call `free` when the creation fails. @throws alreadyExists in Docker's words */
  reserve(name: string, id: string): void {
    const holder = this.#byName.get(name)
    if (holder !== undefined) {
      throw new Failure(
        "alreadyExists",
        `Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`,
      )
    }
    this.#byName.set(name, id)
  }

  /** Releases a name, if that container still has it. */
  free(name: string, id: string): void {
    if (this.#byName.get(name) === id) this.#byName.delete(name)
  }

  /** Adds a new container with its snapshot, in one transaction. The name must be reserved. */
  async add(
    scope: Scope,
    container: Container,
    options: {
      readonly image?: string
      readonly runtime: string
      readonly parent?: string
      readonly snapshot: boolean
    },
  ): Promise<void> {
    const { document } = container
    const text = isSmall(document) ? encodeJson(document) : await longText(document)
    await this.#store.create(scope, {
      id: container.id,
      ...(options.image ? { image: options.image } : {}),
      labels: container.document.config.Labels ?? {},
      ...(options.snapshot
        ? { snapshot: { key: container.id, ...(options.parent ? { parent: options.parent } : {}) } }
        : {}),
      runtime: options.runtime,
      extensions: { [extension]: text },
    })
    this.#byId.set(container.id, container)
    await this.#flushed(container)
  }

  /** Records the document: it survives the end of the daemon, and a loss of power after the next flush. */
  async save(scope: Scope, container: Container): Promise<void> {
    if (!this.#byId.has(container.id)) return
    const { id, document } = container
    if (isSmall(document)) return await this.#store.setExtension(scope, id, extension, encodeJson(document))
    // One after the other, so that the newest is written last.
    await this.#saves.run(id, async () => {
      const text = await longText(document)
      if (this.#byId.has(id)) await this.#store.setExtension(scope, id, extension, text)
    })
  }

  /** Records the document so that it survives a loss of power. */
  async saveDurably(scope: Scope, container: Container): Promise<void> {
    await this.save(scope, container)
    await this.#flushed(container)
  }

  /** Flushes to disk, except for containers of `--rm`, which a loss of power may take along. */
  async #flushed(container: Container): Promise<void> {
    if (!container.document.hostConfig.AutoRemove) await this.#store.flushed()
  }

  /** Removes record, snapshot and name. */
  async remove(scope: Scope, container: Container): Promise<void> {
    await this.#store.remove(scope, container.id)
    this.#byId.delete(container.id)
    this.free(container.name, container.id)
    await this.#flushed(container)
  }

  /** Waits for a start that is under way: a process can already be used before its start has been recorded. */
  async afterStart(container: Container): Promise<void> {
    if (!container.running) await this.locked(container.id, async () => {})
  }

  /** Runs `work` while no other caller changes this container. */
  locked<T>(id: string, work: () => Promise<T>): Promise<T> {
    return this.#locks.run(id, work)
  }
}

/** A large document as it is kept: all but its state, which changes as a whole, is encoded first, and others get their turn. */
async function longText(document: ContainerDocument): Promise<string> {
  const { state: _, ...rest } = document
  const pieces = await encodeJsonInTurns(rest)
  return `${pieces.join("").slice(0, -1)},"state":${encodeJson(document.state)}}`
}
