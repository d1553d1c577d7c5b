import { ApiError } from "./errors.ts";

/** The status in log and metrics for a client that went away; none is sent. */
export const CLIENT_CLOSED = 499;

/** Nobody reads this: the one it would tell has gone. */
export class ClientGone extends ApiError {
  constructor() {
    super("unavailable", "The client closed the connection", { status: CLIENT_CLOSED as 400 });
  }
}
