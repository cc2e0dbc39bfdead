import { cpus, totalmem } from "node:os"
import type { CgroupStats } from "../../linux/cgroup-contract.ts"
import { build } from "../../std/build.ts"
import { metricsHandler } from "../../std/http/metrics.ts"
import { HttpServer } from "../../std/http/server.ts"
import { Durations, exposition, type Labels, type Metric } from "../../std/metrics.ts"
import type { ContainerContext } from "../containers/context.ts"
import type { Container } from "../containers/record/container.ts"

/** Which routes of the API are timed, under which name. */
const actions: Readonly<Record<string, string>> = {
  "POST /containers/create": "create",
  "POST /containers/:id/start": "start",
  "DELETE /containers/:id": "delete",
  "GET /containers/:id/changes": "changes",
  "POST /commit": "commit",
}

/** What the daemon counts and times, for Prometheus: Docker's metrics by their names, and each running container's use. */
export class EngineMetrics {
  readonly #context: ContainerContext
  readonly #daemonId: string
  readonly #actions = new Durations()
  readonly #stalls = new Durations()
  #longestStall = 0

  constructor(context: ContainerContext, daemonId: string) {
    this.#context = context
    this.#daemonId = daemonId
  }

  /** Takes in how long a request took. @param key of the route table */
  observe(key: string, seconds: number): void {
    const action = actions[key]
    if (action) this.#actions.observe(action, seconds)
  }

  /** Takes in for how long the daemon's thread served nobody. */
  stalled(seconds: number): void {
    this.#stalls.observe("", seconds)
    this.#longestStall = Math.max(this.#longestStall, seconds)
  }

  /** An HTTP server that answers `GET /metrics`. */
  server(): HttpServer {
    return new HttpServer(metricsHandler(() => this.text()))
  }

  text(): string {
    const text = exposition([...this.#engine(), ...this.#containers()])
    this.#longestStall = 0
    return text
  }

  #engine(): Metric[] {
    const { registry, events, healthCounts, runtimes, snapshots } = this.#context
    const containers = registry.all()
    const paused = containers.filter((each) => each.state.status === "paused").length
    const running = containers.filter((each) => each.running).length - paused
    const states = { paused, running, stopped: containers.length - running - paused }
    const single = (name: string, type: Metric["type"], help: string, value: number, labels?: Labels): Metric => ({
      name,
      help,
      type,
      samples: [{ value, ...(labels ? { labels } : {}) }],
    })
    return [
      {
        name: "engine_daemon_container_actions_seconds",
        help: "How long requests for containers took",
        type: "histogram",
        samples: this.#actions.samples("action"),
      },
      {
        name: "engine_daemon_container_states_containers",
        help: "Containers by state",
        type: "gauge",
        samples: Object.entries(states).map(([state, value]) => ({ labels: { state }, value })),
      },
      single("engine_daemon_engine_cpus_cpus", "gauge", "CPUs of the host", cpus().length),
      single("engine_daemon_engine_info", "gauge", "What the engine is", 1, {
        version: build.version,
        commit: build.commit,
        daemon_id: this.#daemonId,
        graphdriver: snapshots.driver,
        runtime: runtimes[0]!.name,
      }),
      single("engine_daemon_engine_memory_bytes", "gauge", "Memory of the host", totalmem()),
      single("engine_daemon_events_total", "counter", "Events that were told", events.published),
      single("engine_daemon_events_subscribers_total", "gauge", "Listeners of the event stream", events.listeners),
      single("engine_daemon_health_checks_total", "counter", "Health checks that ran", healthCounts.checks),
      single("engine_daemon_health_checks_failed_total", "counter", "Health checks that failed", healthCounts.failures),
      {
        name: "barge_event_loop_stall_seconds",
        help: "How long the daemon served nobody because of one piece of work; every 10 ms is looked",
        type: "histogram",
        samples: this.#stalls.samples(),
      },
      single(
        "barge_event_loop_longest_stall_seconds",
        "gauge",
        "The longest stall since this was last asked",
        this.#longestStall,
      ),
      single("process_resident_memory_bytes", "gauge", "Memory of the daemon itself", process.memoryUsage.rss()),
      single("process_cpu_seconds_total", "counter", "CPU time of the daemon itself", processSeconds()),
    ]
  }

  #containers(): Metric[] {
    const scope = this.#context.background("metrics")
    const samples = this.#context.registry
      .all()
      .filter((container) => container.running)
      .flatMap((container) => {
        try {
          return [{ labels: labelsOf(container), stats: this.#context.tasks.stats(scope, container.id) }]
        } catch {
          // It ended while we looked.
          return []
        }
      })
    const each = (
      name: string,
      type: Metric["type"],
      help: string,
      read: (stats: CgroupStats) => number | bigint | undefined,
    ): Metric => ({
      name,
      help,
      type,
      samples: samples.flatMap(({ labels, stats }) => {
        const value = read(stats)
        return value === undefined ? [] : [{ labels, value }]
      }),
    })
    return [
      each("barge_container_cpu_seconds_total", "counter", "CPU time of a container", ({ cpu }) =>
        cpu ? Number(cpu.usage) / 1e9 : undefined,
      ),
      each(
        "barge_container_memory_bytes",
        "gauge",
        "Memory of a container, caches included",
        ({ memory }) => memory?.usage,
      ),
      each("barge_container_processes", "gauge", "Processes of a container", ({ pids }) => pids?.current),
    ]
  }
}

const labelsOf = (container: Container): Labels => ({
  id: container.id,
  name: container.name,
  image: container.document.config.Image,
})

function processSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
