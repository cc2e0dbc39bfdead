import type { RuntimeInfo } from "../../../runtime/contract.ts"
import type { Container } from "./container.ts"

/** The OCI runtime of a container: the one it names, else the default. @param runtimes the configured ones, the default first */
export const runtimeOf = (runtimes: readonly RuntimeInfo[], { document }: Container): RuntimeInfo =>
  runtimes.find((each) => each.name === document.hostConfig.Runtime) ?? runtimes[0]!
