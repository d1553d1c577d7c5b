/** Routed answers: which sentence is due, what the router chose, and what that waits for. */
export { AnswerRoute } from "./answer_route.ts";
export { noRouter, RouteDesk } from "./route_desk.ts";
export { AwaitedRoute } from "./awaited_route.ts";
export { RoutedAnswers } from "./routed_answers.ts";
