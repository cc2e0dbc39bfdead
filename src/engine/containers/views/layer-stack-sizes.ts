import type { Scope } from "../../../core/scope.ts"
import type { Snapshotter } from "../../../core/snapshots/contract.ts"
import type { Container } from "../record/container.ts"

/** Measures containers' layers; those of an image once, however many containers stand on it. */
export class LayerStackSizes {
  readonly #snapshots: Pick<Snapshotter, "usage" | "find">
  readonly #scope: Scope
  readonly #known = new Map<string, Promise<number>>()

  constructor(snapshots: Pick<Snapshotter, "usage" | "find">, scope: Scope) {
    this.#snapshots = snapshots
    this.#scope = scope
  }

  /** Bytes of a container's own layer, and together with its image's. */
  async of({ id }: Pick<Container, "id">): Promise<{ readonly SizeRw: number; readonly SizeRootFs: number }> {
    const own = await this.#layer(id)
    return { SizeRw: own, SizeRootFs: own + (await this.#below(id)) }
  }

  async #below(key: string): Promise<number> {
    const parent = (await this.#snapshots.find(this.#scope, key))?.parent
    return parent === undefined ? 0 : await this.#stack(parent)
  }

  /** A committed layer with all below it. */
  #stack(name: string): Promise<number> {
    const known = this.#known.get(name) ?? this.#measure(name)
    this.#known.set(name, known)
    return known
  }

  async #measure(name: string): Promise<number> {
    return (await this.#layer(name)) + (await this.#below(name))
  }

  /** 0 for a layer that is gone. */
  async #layer(key: string): Promise<number> {
    return (await this.#snapshots.usage(this.#scope, key).catch(() => ({ size: 0 }))).size
  }
}
