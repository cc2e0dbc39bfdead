import type { Collected } from "./gc/collector.ts"
import type { Call } from "./routes/call.ts"
import type { Freed } from "./storage/contract.ts"

/** Upper bounds of the duration histogram, seconds. */
const bounds = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60]

interface Timing {
  readonly buckets: number[]
  sum: number
  count: number
}

/** Counts, in the text form of Prometheus (exposition format 0.0.4). */
export class Metrics {
  readonly #requests = new Map<string, number>()
  readonly #timings = new Map<string, Timing>()
  readonly #collected: Record<keyof Collected, number> = {
    tags: 0,
    manifests: 0,
    links: 0,
    uploads: 0,
    blobs: 0,
    bytes: 0,
  }
  #sent = 0
  #received = 0
  #webhookFailures = 0
  #evictedBlobs = 0
  #evictedBytes = 0
  #runs = 0

  request(call: Call, millis: number): void {
    const labels = `operation="${call.operation}",status="${call.response.status}"`
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1)
    let timing = this.#timings.get(call.operation)
    if (!timing) {
      timing = { buckets: bounds.map(() => 0), sum: 0, count: 0 }
      this.#timings.set(call.operation, timing)
    }
    const seconds = millis / 1000
    timing.sum += seconds
    timing.count++
    for (let i = 0; i < bounds.length; i++) if (seconds <= bounds[i]!) timing.buckets[i]!++
    this.#sent += call.sent
    const length = Number(call.header("content-length") ?? 0)
    if (call.request.method !== "GET" && call.response.status < 400) this.#received += length
  }

  collected(run: Collected): void {
    this.#runs++
    for (const key of Object.keys(this.#collected) as (keyof Collected)[]) this.#collected[key] += run[key]
  }

  evicted({ blobs, bytes }: Freed): void {
    this.#evictedBlobs += blobs
    this.#evictedBytes += bytes
  }

  webhookFailed(events: number): void {
    this.#webhookFailures += events
  }

  /** @param now what is asked of others at this moment */
  text(now: { readonly connections: number; readonly repositories: number }): string {
    const lines: string[] = []
    const family = (name: string, type: string, help: string, samples: readonly string[]) =>
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples)
    const single = (name: string, type: string, help: string, value: number) =>
      family(name, type, help, [`${name} ${value}`])
    family(
      "barge_registry_requests_total",
      "counter",
      "Requests answered.",
      [...this.#requests].map(([labels, count]) => `barge_registry_requests_total{${labels}} ${count}`),
    )
    family(
      "barge_registry_request_duration_seconds",
      "histogram",
      "Time to answer, bodies included.",
      [...this.#timings].flatMap(([operation, timing]) => histogram(operation, timing)),
    )
    single("barge_registry_sent_bytes_total", "counter", "Bytes of bodies sent.", this.#sent)
    single("barge_registry_received_bytes_total", "counter", "Bytes of bodies announced and taken.", this.#received)
    single("barge_registry_connections", "gauge", "Clients connected.", now.connections)
    single("barge_registry_repositories", "gauge", "Repositories.", now.repositories)
    single("barge_registry_gc_runs_total", "counter", "Collections of garbage.", this.#runs)
    family(
      "barge_registry_gc_removed_total",
      "counter",
      "What collections took away.",
      (["tags", "manifests", "links", "uploads", "blobs"] as const).map(
        (kind) => `barge_registry_gc_removed_total{kind="${kind}"} ${this.#collected[kind]}`,
      ),
    )
    single("barge_registry_gc_freed_bytes_total", "counter", "Bytes freed by collections.", this.#collected.bytes)
    single("barge_registry_cache_evicted_blobs_total", "counter", "Blobs the cache let go.", this.#evictedBlobs)
    single("barge_registry_cache_evicted_bytes_total", "counter", "Bytes the cache let go.", this.#evictedBytes)
    single("barge_registry_webhook_failures_total", "counter", "Notifications given up.", this.#webhookFailures)
    single("process_resident_memory_bytes", "gauge", "Resident memory.", process.memoryUsage.rss())
    return `${lines.join("\n")}\n`
  }
}

function histogram(operation: string, { buckets, sum, count }: Timing): readonly string[] {
  const name = "barge_registry_request_duration_seconds"
  const label = `operation="${operation}"`
  return [
    ...bounds.map((bound, index) => `${name}_bucket{${label},le="${bound}"} ${buckets[index]}`),
    `${name}_bucket{${label},le="+Inf"} ${count}`,
    `${name}_sum{${label}} ${sum}`,
    `${name}_count{${label}} ${count}`,
  ]
}
