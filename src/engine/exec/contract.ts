import type { ExecCreateRequest, ExecCreateResponse, ExecInspect, ExecStartRequest } from "../../api/exec.ts"
import type { Scope } from "../../core/scope.ts"
import type { Attachment } from "../containers/stdio/contract.ts"

/** Further processes in running containers. IDs end with their container: notFound (`No such exec instance: x`). */
export interface Execs {
  /** @throws notFound (container) · conflict when it does not run or is paused · invalidArgument */
  create(scope: Scope, container: string, request: ExecCreateRequest): Promise<ExecCreateResponse>
  /**
   * Claims the exec for one client: the process starts in `serve`, and what fails there goes into the stream as text and
   * into the exit code. @throws notFound · conflict when it was started before or the container does not run
   */
  start(scope: Scope, id: string, request: ExecStartRequest): Promise<Attachment>
  /** Starts without a client; resolves when the process runs. @throws as `start`, invalidArgument when it cannot be executed */
  startDetached(scope: Scope, id: string, request: ExecStartRequest): Promise<void>
  /** Cells. Waits up to 10 s for the exec to start. @throws conflict */
  resize(scope: Scope, id: string, size: { readonly height: number; readonly width: number }): Promise<void>
  inspect(scope: Scope, id: string): Promise<ExecInspect>
}
