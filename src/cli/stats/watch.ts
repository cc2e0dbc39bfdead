import type { Docker } from "../../client/docker.ts"
import { messageOf } from "../../errors/failure.ts"
import { type StatsEntry, statsSample } from "../output/stats.ts"

/** Keeps the newest sample of containers, each by a stream of its own. */
export class StatsWatch implements Disposable {
  readonly #docker: Docker
  readonly #watched = new Map<string, { entry: StatsEntry; readonly end: AbortController }>()
  /** What went wrong with single containers, by name. */
  readonly failures = new Map<string, string>()

  constructor(docker: Docker) {
    this.#docker = docker
  }

  get entries(): readonly StatsEntry[] {
    return [...this.#watched.values()].map(({ entry }) => entry)
  }

  /** Watches one more. Resolves with its first sample, or when there is none to come. */
  add(name: string): Promise<void> {
    if (this.#watched.has(name)) return Promise.resolve()
    const end = new AbortController()
    const watched = { entry: { container: name, id: "", name: "" } as StatsEntry, end }
    this.#watched.set(name, watched)
    return new Promise((first) => {
      const follow = async () => {
        for await (const sample of this.#docker.containers.statsStream(name, end.signal)) {
          watched.entry = {
            container: name,
            id: sample.id,
            name: sample.name.replace(/^\//, ""),
            sample: statsSample(sample),
          }
          first()
        }
      }
      follow()
        .catch((error) => {
          if (!end.signal.aborted) this.failures.set(name, messageOf(error))
        })
        .finally(first)
    })
  }

  remove(name: string): void {
    this.#watched.get(name)?.end.abort()
    this.#watched.delete(name)
  }

  [Symbol.dispose](): void {
    for (const name of [...this.#watched.keys()]) this.remove(name)
  }
}
