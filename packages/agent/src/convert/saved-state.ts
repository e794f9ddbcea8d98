import { ResumeState as WireResumeState } from "@virtmesh/api/gen/virtmesh/v1/saved_state";
import type { ResumeState } from "@virtmesh/core/driver/saved-state";
import { unknownValue } from "./field.ts";

export function resumeStateOf(state: WireResumeState): ResumeState {
  switch (state) {
    case WireResumeState.RESUME_STATE_UNSPECIFIED:
      return "asSaved";
    case WireResumeState.RESUME_STATE_RUNNING:
      return "running";
    case WireResumeState.RESUME_STATE_PAUSED:
      return "paused";
    default:
      throw unknownValue("resume", state);
  }
}
