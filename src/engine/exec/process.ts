import type { ExecCreateRequest } from "../../api/exec.ts"
import type { Scope } from "../../core/scope.ts"
import type { Process } from "../../oci/runtime-spec.ts"
import { furtherProcess } from "../../runtime/spec/process.ts"
import type { IoConfig } from "../../shim/contract.ts"
import type { ContainerContext } from "../containers/context.ts"
import { linkEnvironment } from "../containers/network/links.ts"
import type { Container } from "../containers/record/container.ts"
import { execRequest } from "../containers/request/spec.ts"

/** The OCI process of an exec, as the container's own specification and root have it. @throws invalidArgument for an unknown user */
export async function processOf(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  request: ExecCreateRequest,
  consoleSize?: IoConfig["consoleSize"],
): Promise<Process> {
  const { id, document } = container
  const spec = await context.tasks.spec(scope, id)
  return await context.tasks.withRoot(scope, id, id, async (root) =>
    furtherProcess(
      spec,
      root,
      execRequest(document.config, document.hostConfig, {
        args: request.Cmd ?? [],
        env: request.Env ?? [],
        user: request.User,
        cwd: request.WorkingDir,
        linked: linkEnvironment(context.registry, container),
        tty: request.Tty,
        ...(consoleSize ? { consoleSize } : {}),
        privileged: request.Privileged,
      }),
    ),
  )
}
