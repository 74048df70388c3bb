package handlers

// WriteProblem writes what no request can bring about by itself.
var WriteProblem = writeProblem
