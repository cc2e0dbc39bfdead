import type { Scope } from "../../../core/scope.ts"
import { Failure } from "../../../errors/failure.ts"
import type { AttachStream, IoConfig, LogConfig } from "../../../shim/contract.ts"
import type { Container } from "../record/container.ts"
import { publish } from "../record/events.ts"
import { attachContainer } from "./attach.ts"
import { ioConfig, logConfig } from "./config.ts"
import type { Attachment, ContainerAttachOptions, LogStream, LogsOptions, Stdio, StdioNeeds } from "./contract.ts"
import { containerLogs, followOutput } from "./logs.ts"

/** Input and output of containers: each call is carried out by a file of its own. */
export class ContainerStdio implements Stdio {
  readonly #needs: StdioNeeds

  constructor(needs: StdioNeeds) {
    this.#needs = needs
  }

  io(container: Container): IoConfig {
    return ioConfig(this.#needs, container)
  }

  log(container: Container): LogConfig {
    return logConfig(this.#needs, container)
  }

  attach(scope: Scope, container: Container, ref: string, options: ContainerAttachOptions): Promise<Attachment> {
    return attachContainer(this.#needs, scope, container, ref, options)
  }

  logs(scope: Scope, container: Container, options: LogsOptions): LogStream {
    return containerLogs(this.#needs, scope, container, options)
  }

  follow(scope: Scope, container: Container): Promise<AttachStream | undefined> {
    return followOutput(this.#needs, scope, container)
  }

  async resize(
    scope: Scope,
    container: Container,
    size: { readonly height: number; readonly width: number },
  ): Promise<void> {
    await this.#needs.registry.afterStart(container)
    if (!container.running) throw new Failure("conflict", `container ${container.id} is not running`)
    await this.#needs.tasks.resize(scope, container.id, size)
    publish(this.#needs, container, "resize", { height: String(size.height), width: String(size.width) })
  }
}
