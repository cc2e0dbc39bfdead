import { join } from "node:path"
import type { IoConfig, LogConfig } from "../../../shim/contract.ts"
import { shimLogConfig } from "../../logging/config.ts"
import type { Container } from "../record/container.ts"
import { runtimeOf } from "../record/runtime.ts"
import type { StdioNeeds } from "./contract.ts"

/** Carries out `Stdio.io`. */
export function ioConfig(
  { runtimes, defaults }: Pick<StdioNeeds, "runtimes" | "defaults">,
  container: Container,
): IoConfig {
  const { config, hostConfig } = container.document
  const [height, width] = hostConfig.ConsoleSize
  return {
    terminal: config.Tty,
    ...(config.Tty && height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
    stdin: config.OpenStdin,
    stdinOnce: config.StdinOnce,
    ...(defaults.experimental && !config.Tty && runtimeOf(runtimes, container).checkpoints
      ? { checkpointable: true }
      : {}),
  }
}

/** Carries out `Stdio.log`. */
export const logConfig = ({ containersRoot }: Pick<StdioNeeds, "containersRoot">, container: Container): LogConfig =>
  shimLogConfig(container, join(containersRoot, container.id))
