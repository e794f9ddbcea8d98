import { generation } from "../ids.ts";
import { restartDestination } from "./destination.ts";

const NEXT = generation(7n);

describe("a destination whose agent was killed and started again", () => {
  it("takes the run token, which it may not have had the time for, when the guest ran already", () => {
    expect(restartDestination("resumed", NEXT, true).effects).toEqual([
      { effect: "adopt", generation: NEXT },
      { effect: "finish" },
    ]);
  });

  it("keeps a guest that died after the decision as its own, with the run token", () => {
    const { state, effects } = restartDestination("resuming", NEXT, false);
    expect(state.phase).toBe("running");
    expect(effects).toContainEqual({ effect: "adopt", generation: NEXT });
  });

  it("asks the record before it gives up what it may have loaded", () => {
    expect(restartDestination("begun", NEXT, true)).toEqual({
      state: { phase: "loaded", withdrawing: true },
      effects: [{ effect: "withdraw" }],
    });
  });
});
