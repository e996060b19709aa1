// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// kustomized returns what kustomize makes of a folder, each object read as the API server would read it, and refused if it has a
// field that its kind has not.
func kustomized(t *testing.T, dir string) (objects []runtime.Object) {
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	require.NoError(t, err)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		core.AddToScheme, apps.AddToScheme, networking.AddToScheme, monitoring.AddToScheme,
	} {
		require.NoError(t, add(scheme))
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, resource := range made.Resources() {
		text, err := resource.AsYAML()
		require.NoError(t, err)
		object, _, err := decoder.Decode(text, nil, nil)
		require.NoError(t, err, "%s of %s", resource.CurId(), dir)
		objects = append(objects, object)
	}
	return objects
}

func TestKustomizationsBuild(t *testing.T) {
	seen := 0
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "kustomization.yaml" || strings.Contains(read(t, path), "kind: Component") {
			return err
		}
		seen++
		assert.NotEmpty(t, kustomized(t, filepath.Dir(path)))
		return nil
	}))
	assert.GreaterOrEqual(t, seen, 8)
}

// pods returns the pod templates among objects, by the names of their workloads.
func pods(objects []runtime.Object) map[string]*core.PodTemplateSpec {
	all := map[string]*core.PodTemplateSpec{}
	for _, object := range objects {
		switch workload := object.(type) {
		case *apps.StatefulSet:
			pod := &workload.Spec.Template
			for _, claim := range workload.Spec.VolumeClaimTemplates {
				pod.Spec.Volumes = append(pod.Spec.Volumes, core.Volume{Name: claim.Name, VolumeSource: core.VolumeSource{
					PersistentVolumeClaim: &core.PersistentVolumeClaimVolumeSource{},
				}})
			}
			all[workload.Name] = pod
		case *apps.Deployment:
			all[workload.Name] = &workload.Spec.Template
		}
	}
	return all
}

// collectorIn returns the container of a pod that runs the collector.
func collectorIn(t *testing.T, pod *core.PodTemplateSpec) core.Container {
	for _, container := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
		if strings.HasPrefix(container.Image, "otelcol-o365messagetrace:") {
			return container
		}
	}
	require.Fail(t, "no container runs the collector")
	return core.Container{}
}

func overlays(t *testing.T) []string {
	dirs, err := filepath.Glob(folder + "/kubernetes/overlays/*")
	require.NoError(t, err)
	require.Len(t, dirs, 4)
	return dirs
}

// What each overlay has to have: what is asked of a pod that has nobody's privileges, keeps its state and can be watched.
func TestOverlaysRunTheCollectorAsTheyShould(t *testing.T) {
	restricted, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	for _, dir := range overlays(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			objects := kustomized(t, dir)
			workloads := pods(objects)
			require.Len(t, workloads, 1)
			for _, pod := range workloads {
				result := policy.AggregateCheckResults(restricted.EvaluatePod(
					api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}, &pod.ObjectMeta, &pod.Spec))
				assert.True(t, result.Allowed, result.ForbiddenDetail())
				assert.False(t, *pod.Spec.AutomountServiceAccountToken)
				assert.GreaterOrEqual(t, *pod.Spec.TerminationGracePeriodSeconds, int64(60))

				collector := collectorIn(t, pod)
				assert.True(t, *collector.SecurityContext.ReadOnlyRootFilesystem)
				assert.Contains(t, collector.Args, "--feature-gates=+extension.healthcheck.useComponentStatus")
				assert.False(t, collector.Resources.Limits.Memory().IsZero())
				assert.False(t, collector.Resources.Requests.Cpu().IsZero())
				assert.NotNil(t, collector.LivenessProbe)
				memory := collector.Resources.Limits.Memory().Value() >> 20
				assert.Equal(t, core.EnvVar{Name: "GOMEMLIMIT", Value: "410MiB"}, collector.Env[0])
				assert.InDelta(t, 0.8, 410/float64(memory), 0.01)
				checkReferences(t, objects, pod, &collector)
				checkMonitor(t, objects, pod, &collector)
			}
		})
	}
}

// checkReferences finds mounts without a volume, volumes of what is not there, and probes of ports that are not there.
func checkReferences(t *testing.T, objects []runtime.Object, pod *core.PodTemplateSpec, collector *core.Container) {
	volumes, there := map[string]core.Volume{}, map[string]bool{}
	for _, volume := range pod.Spec.Volumes {
		volumes[volume.Name] = volume
	}
	for _, object := range objects {
		meta := object.(v1.Object)
		there[object.GetObjectKind().GroupVersionKind().Kind+"/"+meta.GetName()] = true
	}
	for _, mount := range collector.VolumeMounts {
		volume, found := volumes[mount.Name]
		assert.True(t, found, mount.Name)
		switch {
		case volume.ConfigMap != nil:
			assert.True(t, there["ConfigMap/"+volume.ConfigMap.Name], volume.ConfigMap.Name)
			assert.True(t, mount.ReadOnly)
		case volume.PersistentVolumeClaim != nil:
			claim := volume.PersistentVolumeClaim.ClaimName
			assert.True(t, claim == "" || there["PersistentVolumeClaim/"+claim], claim)
		case volume.Secret != nil:
			assert.Equal(t, "o365messagetrace", volume.Secret.SecretName, "the user makes it")
			assert.True(t, mount.ReadOnly)
		}
	}
	if name := pod.Spec.ServiceAccountName; name != "" {
		assert.True(t, there["ServiceAccount/"+name])
	}
	for _, probe := range []*core.Probe{collector.LivenessProbe, collector.ReadinessProbe} {
		if probe != nil {
			assert.NotZero(t, portNamed(collector, probe.HTTPGet.Port.StrVal), probe.HTTPGet.Port.StrVal)
		}
	}
}

func portNamed(container *core.Container, name string) int32 {
	for _, port := range container.Ports {
		if port.Name == name {
			return port.ContainerPort
		}
	}
	return 0
}

// checkMonitor has the metrics scraped.
func checkMonitor(t *testing.T, objects []runtime.Object, pod *core.PodTemplateSpec, collector *core.Container) {
	for _, object := range objects {
		monitor, is := object.(*monitoring.PodMonitor)
		if !is {
			continue
		}
		selector, err := v1.LabelSelectorAsSelector(&monitor.Spec.Selector)
		require.NoError(t, err)
		assert.True(t, selector.Matches(labels.Set(pod.Labels)))
		assert.NotZero(t, portNamed(collector, *monitor.Spec.PodMetricsEndpoints[0].Port))
		assert.Contains(t, monitor.Name, "o365messagetrace", "the alerts know the job by it")
		return
	}
	assert.Fail(t, "there is no PodMonitor")
}
