import { join } from "node:path"
import type { RuntimeInfo } from "../../../runtime/contract.ts"
import type { IoConfig, LogConfig } from "../../../shim/contract.ts"
import { shimLogConfig } from "../../logging/config.ts"
import type { ContainerContext } from "../context.ts"
import type { Container } from "../record/container.ts"

/** The OCI runtime that a container runs in. */
export const runtimeOf = ({ runtimes }: ContainerContext, { document }: Container): RuntimeInfo =>
  runtimes.find((each) => each.name === document.hostConfig.Runtime) ?? runtimes[0]!

/** A container's stdio as the shim is to hold it. */
export function ioConfig(context: ContainerContext, container: Container): IoConfig {
  const { config, hostConfig } = container.document
  const [height, width] = hostConfig.ConsoleSize
  return {
    terminal: config.Tty,
    ...(config.Tty && height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
    stdin: config.OpenStdin,
    stdinOnce: config.StdinOnce,
    ...(context.defaults.experimental && !config.Tty && runtimeOf(context, container).checkpoints
      ? { checkpointable: true }
      : {}),
  }
}

/** Where a container's output is kept. */
export const logConfig = (context: Pick<ContainerContext, "containersRoot">, container: Container): LogConfig =>
  shimLogConfig(container, join(context.containersRoot, container.id))
