package v1alpha1

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SnapshotPolicy rules what snapshots are taken by themselves.
type SnapshotPolicy struct {
	// Schedule is when, in UTC: five cron words (minute, hour, day of the month, month, day of the
	// week) such as "0 3 * * *", or @hourly, @daily, @weekly, @monthly or @yearly. By default there
	// are none.
	// +optional
	Schedule string `json:"schedule,omitempty"`
	// Keep is how many of them each unit keeps of those that it has taken, the newest. Default 7.
	// +optional
	// +kubebuilder:default=7
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	Keep int32 `json:"keep,omitempty"`
	// Store is where they are kept beside the units. By default nowhere, unless the application is
	// related by s3-credentials: then it is what the relation says.
	// +optional
	Store *SnapshotStore `json:"store,omitempty"`
	// Encryption has them encrypted, on the units and in the store. By default they are not: who has one
	// has all that is in the cluster.
	// +optional
	Encryption *SnapshotEncryption `json:"encryption,omitempty"`
	// Drill is when the newest of them is restored for a trial, on one unit, into an etcd that nobody
	// else can reach: cron words as in Schedule. By default never.
	// +optional
	Drill string `json:"drill,omitempty"`
	// DrillFrom says which one is tried: the newest on the disk of a unit (unit, the default), or the newest in
	// the store (store), which a unit fetches for it.
	// +optional
	// +kubebuilder:validation:Enum=unit;store
	DrillFrom string `json:"drillFrom,omitempty"`
	// BeforeRiskySteps has a snapshot taken before what a person asks for and what can lose data or
	// cannot be gone back from: a restore over a cluster that is there, another authority. Such a step
	// goes on without one where none can be taken. By default it does not: who has no schedule may
	// not want the keys on the disks of units, and a step waits for it.
	// +optional
	BeforeRiskySteps bool `json:"beforeRiskySteps,omitempty"`
}

// MostKept bounds SnapshotPolicy.Keep.
const MostKept = 1000

// SnapshotOrder asks a unit for the snapshot of one time of the schedule.
type SnapshotOrder struct {
	// ID is that time: see TickID.
	ID string `json:"id"`
	// Attempt counts the times at which that snapshot has been asked for, on any unit.
	Attempt int32 `json:"attempt,omitempty"`
	// Keep is SnapshotPolicy.Keep.
	Keep int32 `json:"keep"`
}

// SnapshotFacts are what a unit has done for the schedule.
type SnapshotFacts struct {
	// Last is the last one that the unit has taken; nil if there was none.
	Last *TakenSnapshot `json:"last,omitempty"`
	// Tried is the last order that the unit has begun.
	Tried TriedSnapshot `json:"tried"`
}

// TriedSnapshot is an order that was begun.
type TriedSnapshot struct {
	ID      string `json:"id"`
	Attempt int32  `json:"attempt,omitempty"`
	// Fault is why there is no snapshot of it, or what was not done beside it, in a sentence; empty
	// if all went well.
	Fault string `json:"fault,omitempty"`
}

// FailedAt says that this attempt was made, and had a fault: it is not made again.
func (t TriedSnapshot) FailedAt(id string, attempt int32) bool {
	return t.Fault != "" && t.ID == id && t.Attempt == attempt
}

// TakenSnapshot is a snapshot of the schedule. It was received whole, with the SHA-256 that the
// server sends, read page by page, and packed with a SHA-256 of its own.
type TakenSnapshot struct {
	// ID is the time of the schedule that it is of.
	ID string `json:"id"`
	// Unit is on whose machine it is, and Path where.
	Unit string `json:"unit,omitempty"`
	Path string `json:"path"`
	// Time is when it was taken, by the unit's clock.
	Time     metav1.Time `json:"time"`
	Size     int64       `json:"size"`
	SHA256   string      `json:"sha256"`
	Revision int64       `json:"revision"`
	// Missing says that the file is not there any more as it was written.
	Missing bool `json:"missing,omitempty"`
	// Stored is where it is in the store, such as s3://BUCKET/KEY: its bytes have been read back from
	// there. Empty if it is in none.
	Stored string `json:"stored,omitempty"`
}

// tickForm is the form of a TickID, which sorts by time, and fits into a file's name.
const tickForm = "20060102T150405Z"

// TickID names a time of a schedule.
func TickID(t time.Time) string { return t.UTC().Format(tickForm) }

// ParseTick is the time that a TickID names; false if it names none.
func ParseTick(id string) (time.Time, bool) {
	t, err := time.Parse(tickForm, id)
	return t, err == nil && TickID(t) == id
}

// Schedule is when something is due. The zero value is never.
//
// +kubebuilder:object:generate=false
type Schedule struct{ of cron.Schedule }

// ParseSchedule reads cron words.
func ParseSchedule(words string) (Schedule, error) {
	switch {
	case strings.TrimSpace(words) == "":
		return Schedule{}, nil
	case strings.Contains(words, "TZ="):
		return Schedule{}, errors.New("must not name a time zone: it is in UTC")
	case strings.HasPrefix(strings.TrimSpace(words), "@every"):
		// It counts from when a process has begun.
		return Schedule{}, errors.New("must be times of the clock, and @every names none: such as */30 * * * *")
	}
	of, err := cron.ParseStandard(strings.TrimSpace(words))
	if err != nil {
		return Schedule{}, fmt.Errorf("must be five cron words such as 0 3 * * *, or @daily: %w", err)
	}
	s := Schedule{of}
	if s.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, errors.New("must name a time that comes: there is no such day")
	}
	return s, nil
}

// Next is the first time of the schedule after t; zero if there is none.
func (s Schedule) Next(t time.Time) time.Time {
	if s.of == nil {
		return time.Time{}
	}
	return s.of.Next(t.UTC())
}

// longestBack is how far Last looks: the 29th of February may be eight years apart.
const longestBack = 9 * 366 * 24 * time.Hour

// Last is the last time of the schedule up to t; zero if there is none.
func (s Schedule) Last(t time.Time) time.Time {
	for back := time.Minute; s.of != nil && back <= longestBack; back *= 2 {
		last := s.Next(t.Add(-back))
		if last.IsZero() || last.After(t) {
			continue
		}
		for next := s.Next(last); !next.IsZero() && !next.After(t); next = s.Next(next) {
			last = next
		}
		return last
	}
	return time.Time{}
}
