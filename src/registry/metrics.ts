import { Durations, exposition, type Labels, type Metric } from "../std/metrics.ts"
import type { Collected } from "./gc/collector.ts"
import type { Call } from "./routes/call.ts"
import type { Freed } from "./storage/contract.ts"

/** Upper bounds of the duration histogram, seconds. */
const bounds = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60]

/** Counts, for Prometheus. */
export class Metrics {
  readonly #requests = new Map<string, { readonly labels: Labels; value: number }>()
  readonly #timings = new Durations(bounds)
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
    const labels = { operation: call.operation, status: String(call.response.status) }
    const key = `${labels.operation} ${labels.status}`
    const requests = this.#requests.get(key) ?? { labels, value: 0 }
    this.#requests.set(key, requests)
    requests.value++
    this.#timings.observe(call.operation, millis / 1000)
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
    const single = (name: string, type: "counter" | "gauge", help: string, value: number): Metric => ({
      name,
      type,
      help,
      samples: [{ value }],
    })
    const kinds = ["tags", "manifests", "links", "uploads", "blobs"] as const
    return exposition([
      {
        name: "barge_registry_requests_total",
        type: "counter",
        help: "Requests answered.",
        samples: [...this.#requests.values()],
      },
      {
        name: "barge_registry_request_duration_seconds",
        type: "histogram",
        help: "Time to answer, bodies included.",
        samples: this.#timings.samples("operation"),
      },
      single("barge_registry_sent_bytes_total", "counter", "Bytes of bodies sent.", this.#sent),
      single("barge_registry_received_bytes_total", "counter", "Bytes of bodies announced and taken.", this.#received),
      single("barge_registry_connections", "gauge", "Clients connected.", now.connections),
      single("barge_registry_repositories", "gauge", "Repositories.", now.repositories),
      single("barge_registry_gc_runs_total", "counter", "Collections of garbage.", this.#runs),
      {
        name: "barge_registry_gc_removed_total",
        type: "counter",
        help: "What collections took away.",
        samples: kinds.map((kind) => ({ labels: { kind }, value: this.#collected[kind] })),
      },
      single("barge_registry_gc_freed_bytes_total", "counter", "Bytes freed by collections.", this.#collected.bytes),
      single("barge_registry_cache_evicted_blobs_total", "counter", "Blobs the cache let go.", this.#evictedBlobs),
      single("barge_registry_cache_evicted_bytes_total", "counter", "Bytes the cache let go.", this.#evictedBytes),
      single("barge_registry_webhook_failures_total", "counter", "Notifications given up.", this.#webhookFailures),
      single("process_resident_memory_bytes", "gauge", "Resident memory.", process.memoryUsage.rss()),
    ])
  }
}
