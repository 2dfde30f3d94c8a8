package pipeline

// Skew sets the wall clock of a running pipeline forward.
var Skew = (*Pipeline).skew
