package plugin

import "testing"

// A stage that is not timed looks as if it cost nothing.
func TestTheTimeOfEveryStageIsTaken(t *testing.T) {
	for c, stage := range callbackStages {
		if stage == 0 || stage == Log {
			continue // of no stream, or its end
		}
		if stageOf[c] == 0 {
			t.Errorf("nobody times %s", callbackNames[c])
		}
	}
	for _, known := range stageNames {
		if got := (stageOf[stageCallbacks[known.stage]] - 1).String(); got != known.name {
			t.Errorf("the time of stage %s is shown as that of %s", known.name, got)
		}
	}
}
