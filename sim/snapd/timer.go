package snapd

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// defaultTimer is snapd's schedule when none is set.
const defaultTimer = "00:00~24:00/4"

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// checkTimer says whether text is a schedule that refresh.timer takes, in snapd's words:
//
//	schedule = events *( ",," events ); events = item *( "," item ); item = days | times
//	days = day [ "-" day ]; day = weekday [ 1..5 ]; times = clock [ ( "-" | "~" ) clock [ "/" count ] ]
func checkTimer(text string) error {
	if text == "" {
		return nil
	}
	if text == "managed" {
		return errors.New("cannot set schedule to managed")
	}
	for _, events := range strings.Split(text, ",,") {
		for _, item := range strings.Split(events, ",") {
			if err := checkItem(item); err != nil {
				return fmt.Errorf("cannot parse %q: %w", item, err)
			}
		}
	}
	return nil
}

func checkItem(item string) error {
	if strings.Contains(item, ":") {
		return checkTimes(item)
	}
	from, to, span := strings.Cut(item, "-")
	if err := checkDay(from); err != nil {
		return err
	}
	if !span {
		return nil
	}
	return checkDay(to)
}

func checkDay(day string) error {
	name := day
	if n := len(day) - 1; n == 3 && day[n] >= '1' && day[n] <= '5' {
		name = day[:n]
	}
	if !slices.Contains(weekdays, name) {
		return fmt.Errorf("%q is not a valid weekday", day)
	}
	return nil
}

func checkTimes(item string) error {
	span, count, counted := strings.Cut(item, "/")
	if counted {
		if n, err := strconv.Atoi(count); err != nil || n < 1 {
			return fmt.Errorf("%q is not a valid interval", count)
		}
	}
	from, to, isSpan := strings.Cut(strings.ReplaceAll(span, "~", "-"), "-")
	if err := checkClock(from); err != nil {
		return err
	}
	if !isSpan {
		if counted {
			return errors.New("not a valid interval")
		}
		return nil
	}
	return checkClock(to)
}

func checkClock(clock string) error {
	hours, minutes, ok := strings.Cut(clock, ":")
	h, err1 := strconv.Atoi(hours)
	m, err2 := strconv.Atoi(minutes)
	inDay := h >= 0 && h < 24 && m >= 0 && m < 60 || h == 24 && m == 0
	if !ok || err1 != nil || err2 != nil || len(hours) > 2 || len(minutes) != 2 || !inDay {
		return fmt.Errorf("%q is not a valid time", clock)
	}
	return nil
}
