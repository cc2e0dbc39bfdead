import { messageOf } from "../errors/failure.ts"
import type { Attached, AttachmentWish, LocalNetwork } from "./local-network.ts"
import type { Names } from "./names.ts"
import { dropNamespace, type NewNamespace } from "./namespaces.ts"
import { NamespacePool } from "./pool.ts"

/** A namespace in a network, its default route laid: all that is missing is a container in it. */
export interface ReadyPlace {
  readonly namespace: NewNamespace
  readonly attached: Attached
}

/** Namespaces without a network that are kept for networks of the user. */
const bareSize = 4
/** Places made ready in the default bridge while containers start one after the other. */
const briskSize = 24
/** Places kept ready in a network of the user that containers are being started in. */
const warmSize = 4
/** How long they are kept for the next start, in milliseconds. */
const warmFor = 60_000
/** After a start, in milliseconds: the start itself goes first. */
const patience = 150

interface Warm {
  readonly places: ReadyPlace[]
  timer: NodeJS.Timeout | undefined
  filling: boolean
}

/**
 * Places ready before somebody needs them: always in the default bridge, in other networks as long as containers are being
 * started there. Making happens in the background.
 */
export class ReadyPlaces {
  readonly #prepare: (network: LocalNetwork, namespace: NewNamespace) => ReadyPlace
  readonly #discard: (network: LocalNetwork, place: ReadyPlace) => void
  readonly #log: (message: string) => void
  readonly #bare: NamespacePool<NewNamespace>
  readonly #default: { readonly network: LocalNetwork; readonly pool: NamespacePool<ReadyPlace> } | undefined
  readonly #warm = new Map<LocalNetwork, Warm>()
  readonly #keeps: boolean
  #closed = false

  constructor(options: {
    readonly folder: string
    readonly names: Names
    /** Places in the default bridge; 0 keeps nothing ready anywhere. */
    readonly size: number
    readonly defaultNetwork: LocalNetwork | undefined
    /** Joins a namespace to a network; when it throws it has cleaned up behind it. */
    readonly prepare: (network: LocalNetwork, namespace: NewNamespace) => ReadyPlace
    readonly discard: (network: LocalNetwork, place: ReadyPlace) => void
    readonly log: (message: string) => void
  }) {
    const { folder, names, log, defaultNetwork: network } = options
    this.#prepare = options.prepare
    this.#discard = options.discard
    this.#log = log
    this.#keeps = options.size > 0
    this.#bare = new NamespacePool({
      folder,
      names,
      size: this.#keeps ? bareSize : 0,
      features: { ipv6: true, names: true },
      prepare: (each) => each,
      log,
    })
    this.#default = network
      ? {
          network,
          pool: new NamespacePool({
            folder,
            names,
            size: options.size,
            features: { ipv6: network.record.ipv6 },
            most: this.#keeps ? briskSize : 0,
            // In a small subnet, or a bridge that is nearly full, others would miss what ready places have.
            bound: (ready) => Math.floor((network.free + ready) / 4),
            prepare: (each) => options.prepare(network, each),
            log,
          }),
        }
      : undefined
    void this.#default?.pool.refill()
  }

  /** How many places of a network are ready. */
  ready(network: LocalNetwork): number {
    return network === this.#default?.network ? this.#default.pool.ready : (this.#warm.get(network)?.places.length ?? 0)
  }

  /** A place in a network that has what is wished for, or a namespace to make one in. @throws what making it threw */
  async take(network: LocalNetwork, wish: AttachmentWish): Promise<ReadyPlace | NewNamespace> {
    const before = wish.before ?? []
    const matches = ({ attached: { ipv4, ipv6 } }: ReadyPlace) =>
      (wish.ipv4 === undefined || ipv4?.address === wish.ipv4) &&
      (wish.ipv6 === undefined || ipv6?.address === wish.ipv6) &&
      (before.length === 0 || before.includes(ipv4?.address ?? "")) &&
      !(wish.withoutIpv6 && ipv6)
    const free = wish.ipv4 === undefined && wish.ipv6 === undefined && before.length === 0
    if (network === this.#default?.network) {
      if (free && !(wish.withoutIpv6 && network.record.ipv6)) return await this.#default.pool.take()
      return this.#default.pool.takeMatching(matches) ?? (await this.#bare.take())
    }
    const warm = this.#warm.get(network)
    const at = warm?.places.findIndex(matches) ?? -1
    this.#keepWarm(network)
    return at < 0 ? await this.#bare.take() : warm!.places.splice(at, 1)[0]!
  }

  /** A namespace without a network. @throws what making it threw */
  bare(): Promise<NewNamespace> {
    return this.#bare.take()
  }

  /** Lets go of the places of a network that somebody needs the addresses of, or that is being removed. */
  cool(network: LocalNetwork): void {
    const warm = this.#warm.get(network)
    if (!warm) return
    this.#warm.delete(network)
    clearTimeout(warm.timer)
    for (const place of warm.places) this.#discard(network, place)
  }

  /**
   * Lets go of what is kept ready in a network that has no port left for others, one place at least.
   * @returns whether there was anything; its links vanish in the background
   */
  giveUp(network: LocalNetwork): boolean {
    if (network === this.#default?.network) {
      const place = this.#default.pool.takeMatching(() => true)
      if (place) this.#discard(network, place)
      return place !== undefined
    }
    const any = (this.#warm.get(network)?.places.length ?? 0) > 0
    this.cool(network)
    return any
  }

  /** Starts to keep places of a network ready, or keeps them for longer. */
  #keepWarm(network: LocalNetwork): void {
    if (!this.#keeps || this.#closed) return
    const warm = this.#warm.get(network) ?? { places: [], timer: undefined, filling: false }
    this.#warm.set(network, warm)
    clearTimeout(warm.timer)
    warm.timer = setTimeout(() => this.cool(network), warmFor)
    warm.timer.unref()
    if (warm.filling) return
    warm.filling = true
    setTimeout(() => void this.#fill(network, warm), patience).unref()
  }

  async #fill(network: LocalNetwork, warm: Warm): Promise<void> {
    try {
      const wanted = Math.min(warmSize, Math.floor(network.free / 8))
      while (warm.places.length < wanted && this.#warm.get(network) === warm && !this.#closed) {
        const namespace = await this.#bare.take()
        if (this.#warm.get(network) !== warm || this.#closed) dropNamespace(namespace.path, namespace)
        else warm.places.push(this.#prepare(network, namespace))
        // Other work of this thread goes in between.
        await new Promise((resolve) => setImmediate(resolve))
      }
    } catch (error) {
      if (!this.#closed)
        this.#log(`no place in network ${network.record.name} could be made ahead: ${messageOf(error)}`)
    } finally {
      warm.filling = false
    }
  }

  /** Stops making and lets go of everything. */
  async close(): Promise<void> {
    this.#closed = true
    for (const network of [...this.#warm.keys()]) this.cool(network)
    for (const namespace of await this.#bare.close()) dropNamespace(namespace.path, namespace)
    const { network, pool } = this.#default ?? {}
    for (const place of (await pool?.close()) ?? []) this.#discard(network!, place)
  }
}
